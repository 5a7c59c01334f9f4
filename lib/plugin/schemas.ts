import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { FST_ERR_WS_INVALID_SEND } from '../errors.ts'
import { Branches } from '../message/branches.ts'
import { type DecoderOptions, formatSchemaErrors, MessageDecoder, type Validator } from '../message/codec.ts'
import { cut } from '../message/cut.ts'
import { Locator } from '../message/locate.ts'
import { findUnion, isPlain, type Schema, type Union, within } from '../message/union.ts'
import type { Codec } from '../socket/behaviour.ts'

type Serializer = (value: any) => string

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
const SEND_STATUS = '101'

/** The longest error text, in UTF-16 units: it may quote the value. */
const MAX_TEXT = 1024

/** What Fastify's own serializers say about a value that does not fit. */
const DOES_NOT_FIT = /^(?:"[^]*" is required!|The value [^]* (?:does not match schema definition|cannot be converted to an? [a-z-]+)\.|Item at \d+ does not match schema definition\.)$/

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
    const union = this.#sends
    if (union === null) {
      const serialize = reply.getSerializationFunction(SEND_STATUS) as Serializer
      return isPlain(this.#send) ? guarded(serialize, this.#explainer(this.#send, false)) : serialize
    }
    const compiled = (name: string): Serializer => reply.getSerializationFunction(SEND_STATUS, name) as Serializer
    const whole = compiled(SEND)
    const serializers = new Branches(union, union.branches.map((_, i) => compiled(`${SEND}-${i}`)))
    const explainers = new Branches(union, union.branches.map(branch => this.#explainer(branch, true)))
    const explainWhole = this.#explainer(this.#send as Schema, true)
    return guarded(value => (serializers.pick(value) ?? whole)(value), value => {
      const explain = explainers.pick(value)
      if (explain !== undefined) return explain(value)
      if (!union.isClosed) return explainWhole(value)
      const { instancePath, message } = serializers.faultOf(value)
      return `message${instancePath} ${message}`
    })
  }

  /** Compiles a serializer as Fastify does. */
  #compile (schema: Schema): Serializer {
    const { url, serializerCompiler } = this.#options
    const compile = (serializerCompiler ?? this.#instance.serializerCompiler) as (route: object) => Serializer
    return compile({ schema, method: 'GET', url, httpStatus: SEND_STATUS })
  }

  #explainer (schema: Schema, isStrict: boolean): (value: unknown) => string {
    let locator: Locator | null = null
    return value => {
      locator ??= new Locator(part => this.#compile(part), this.#instance.getSchemas())
      return locator.locate(schema, value, isStrict)
    }
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

/** Wraps one of Fastify's serializers so that its errors say where the value does not fit. */
function guarded (serialize: Serializer, explain: (value: unknown) => string): Serializer {
  return value => {
    try {
      return serialize(value)
    } catch (error) {
      throw explained(error, value, explain)
    }
  }
}

function explained (error: unknown, value: unknown, explain: (value: unknown) => string): unknown {
  try {
    const { message } = error as Error
    if (!DOES_NOT_FIT.test(message)) return error
    const text = explain(value)
    // Fastify's own text only says that nothing matched.
    const said = message.startsWith('The value of ') ? text : `${text} (${message})`
    return new FST_ERR_WS_INVALID_SEND(cut(said, MAX_TEXT))
  } catch {
    // The value itself threw when it was read: a getter, or a Proxy.
    return error
  }
}
