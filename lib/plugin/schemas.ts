import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { FST_ERR_WS_INVALID_SEND } from '../errors.ts'
import { Branches } from '../message/branches.ts'
import { type DecoderOptions, formatSchemaErrors, MessageDecoder, type Validator } from '../message/codec.ts'
import { findUnion, type Schema, type Union, within } from '../message/union.ts'
import type { Codec } from '../socket/behaviour.ts'
import { createSerializer, schemaCompiler, SEND_STATUS, type Serializer } from './serializer.ts'

/** The options of a route that matter here. */
interface RouteOptions {
  url: string
  schema?: any
  attachValidation?: boolean
  schemaErrorFormatter?: unknown
  serializerCompiler?: unknown
}

/**
 * Fastify itself compiles `schema.message` and `schema.send`, so that the route's compilers, shared schemas and error
 * formats apply: the one as the body of a media type that no request has, the other as the response of status 101. Each
 * branch of a union has a media type of its own.
 */
const MESSAGE = 'fastify-sockets/message'
const SEND = 'fastify-sockets/send'

/** The message schemas of a route. */
export class MessageSchemas {
  readonly hasMessage: boolean
  readonly hasSend: boolean
  readonly #instance: FastifyInstance
  readonly #options: RouteOptions
  readonly #message: unknown
  readonly #send: unknown
  #messages: Union | null = null
  #sends: Union | null = null

  /** Lends the schemas to Fastify: changes the route's options. */
  constructor (instance: FastifyInstance, options: RouteOptions) {
    this.#instance = instance
    this.#options = options
    this.#message = options.schema?.message
    this.#send = options.schema?.send
    this.hasMessage = this.#message !== undefined
    this.hasSend = this.#send !== undefined
    if (!this.hasMessage && !this.hasSend) return
    const schema = { ...options.schema }
    // Made when Fastify asks for it, once everything is declared: shared schemas may be added after the route.
    if (this.hasMessage) schema.body = lazily({}, 'content', () => this.#messageContent())
    if (this.hasSend) schema.response = lazily({ ...schema.response }, SEND_STATUS, () => this.#sendContent())
    options.schema = schema
  }

  /** Takes back what was lent: the documentation of a GET route must not show a body. */
  takeBack (): void {
    if (this.hasMessage) delete this.#options.schema.body
  }

  #messageContent (): object {
    this.#messages = findUnion(this.#message, this.#instance.getSchemas())
    const content = contentOf(MESSAGE, this.#messages?.branches ?? [])
    // A closed union is never validated as a whole: its branches give better errors.
    return this.#messages?.isClosed ? content : { [MESSAGE]: { schema: this.#message }, ...content }
  }

  #sendContent (): unknown {
    this.#sends = findUnion(this.#send, this.#instance.getSchemas())
    if (this.#sends === null) return this.#send
    // Each branch stays in an `anyOf` of one: inside a union, a serializer checks a value instead of coercing it.
    const branches = this.#sends.branches.map(branch => within('anyOf', branch))
    return { content: { [SEND]: { schema: this.#send }, ...contentOf(SEND, branches) } }
  }

  /** Takes what Fastify has compiled; it hands that out through a request and its reply. */
  codec (request: FastifyRequest, reply: FastifyReply): Codec {
    const decoder = this.hasMessage ? this.#decoder(request) : null
    return {
      decode: decoder && ((data, recipient) => decoder.decode(data, recipient)),
      encode: this.hasSend ? this.#serializer(reply) : null
    }
  }

  #decoder (request: FastifyRequest): MessageDecoder {
    const compiled = request.getValidationFunction('body') as unknown as Record<string, Validator>
    const union = this.#messages
    const validators = {
      whole: compiled[MESSAGE] ?? null,
      branches: union && new Branches(union, union.branches.map((_, i) => compiled[`${MESSAGE}-${i}`]!)),
      all: Object.values(compiled)
    }
    const { onProtoPoisoning = 'error', onConstructorPoisoning = 'error' } = this.#instance.initialConfig
    return new MessageDecoder(validators, {
      attachValidation: this.#options.attachValidation === true,
      formatError: this.#options.schemaErrorFormatter as DecoderOptions['formatError'] ?? formatSchemaErrors,
      protoAction: onProtoPoisoning,
      constructorAction: onConstructorPoisoning
    })
  }

  #serializer (reply: FastifyReply): Serializer {
    const compiled = (name?: string): Serializer => reply.getSerializationFunction(SEND_STATUS, name as string) as Serializer
    const { url, serializerCompiler } = this.#options
    return createSerializer(this.#send, this.#sends, {
      instance: this.#instance,
      whole: () => compiled(this.#sends === null ? undefined : SEND),
      branch: i => compiled(`${SEND}-${i}`),
      compile: schemaCompiler(this.#instance, url, serializerCompiler),
      refuse: text => new FST_ERR_WS_INVALID_SEND(text)
    })
  }
}

function contentOf (name: string, branches: readonly Schema[]): Record<string, { schema: Schema }> {
  return Object.fromEntries(branches.map((schema, i) => [`${name}-${i}`, { schema }]))
}

/** Defines a property whose value is computed when it is first read. */
function lazily (object: object, name: string, make: () => unknown): object {
  const set = (value: unknown): void => {
    Object.defineProperty(object, name, { configurable: true, enumerable: true, writable: true, value })
  }
  return Object.defineProperty(object, name, {
    configurable: true,
    enumerable: true,
    set,
    get () {
      set(make())
      return (object as Record<string, unknown>)[name]
    }
  })
}
