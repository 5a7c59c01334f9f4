import type { FastifyInstance, RouteOptions } from 'fastify'
import {
  FST_ERR_WS_ASYNC_VALIDATOR, FST_ERR_WS_INVALID_PUBLISH, FST_ERR_WS_NOT_REGISTERED, FST_ERR_WS_OPTION, FST_ERR_WS_POSITION,
  FST_ERR_WS_SERIALIZER, FST_ERR_WS_TOPIC_PARAMS
} from '../errors.ts'
import { formatSchemaErrors, reportedText, type Validator } from '../message/codec.ts'
import { findUnion, isPlain, type Schema, within } from '../message/union.ts'
import { kindOf } from '../socket/bytes.ts'
import { TopicUrl } from '../topics/name.ts'
import { PublicTopic } from '../topics/public-topic.ts'
import { DeclaredTopic, type TopicCompilers } from '../topics/topic.ts'
import { internal } from './fastify-internals.ts'
import { registrationOf } from './registration.ts'
import { createSerializer, schemaCompiler, SEND_STATUS } from './serializer.ts'
import { checkTopicOptions, topicSettings } from './topic-options.ts'

type Params = Record<string, unknown>

/** A declared topic. Its registration is known once everything is declared. */
export class TopicDeclaration {
  readonly public: PublicTopic
  readonly #instance: FastifyInstance
  readonly #topic: DeclaredTopic
  readonly #schema: { params?: unknown, message?: unknown }

  /** @throws {FST_ERR_WS_OPTION | FST_ERR_WS_UNKNOWN_OPTION | FST_ERR_WS_TOPIC_URL} */
  constructor (instance: FastifyInstance, url: string, options: unknown = {}) {
    checkTopicOptions(options)
    const settings = topicSettings(options)
    const topicUrl = new TopicUrl(url, instance.prefix)
    this.#instance = instance
    this.#schema = options.schema ?? {}
    if (settings.position !== null && !canCarry(this.#schema.message, settings.position)) throw new FST_ERR_WS_POSITION(url, settings.position)
    if (this.#schema.params !== undefined && topicUrl.params.length === 0) throw new FST_ERR_WS_OPTION('schema.params', 'absent: the URL has no parameters')
    this.#topic = new DeclaredTopic(topicUrl, settings)
    this.public = new PublicTopic(this.#topic)
    this.#lendSchema(url)
  }

  /**
   * Called when everything is declared.
   *
   * @throws {FST_ERR_WS_NOT_REGISTERED | FST_ERR_WS_TOPIC_TWICE}
   */
  boot (): void {
    const registration = registrationOf(this.#instance)
    if (registration === undefined) throw new FST_ERR_WS_NOT_REGISTERED(`the topic '${this.#topic.url}' is declared`)
    registration.topics.add(this.#topic, this.#compile())
  }

  /**
   * Fastify makes the schema compilers of an instance for its routes, and says which route has a schema that cannot be
   * compiled. A route for no method declares nothing else, and nothing calls its handler.
   */
  #lendSchema (url: string): void {
    const { params, message } = this.#schema
    const schema = { hide: true, ...params !== undefined && { params }, ...message !== undefined && { response: { [SEND_STATUS]: message } } }
    this.#instance.route({ method: [], url, schema, exposeHeadRoute: false, handler: Function.prototype } as unknown as RouteOptions)
  }

  #compile (): TopicCompilers {
    const { params, message } = this.#schema
    return {
      params: params === undefined ? anyParams : this.#paramsCheck(params),
      serialize: message === undefined ? null : this.#serializer(message)
    }
  }

  #paramsCheck (schema: unknown): (params: Params) => Params {
    const compile = this.#instance.validatorCompiler as unknown as (route: object) => Validator
    const validate = compile({ schema, method: 'GET', url: this.#topic.url, httpPart: 'params' })
    const format = internal<typeof formatSchemaErrors | null>(this.#instance, 'schemaErrorFormatter') ?? formatSchemaErrors
    const refused = (reported: unknown): Error => new FST_ERR_WS_TOPIC_PARAMS(reportedText(reported, format, 'params'))
    return params => {
      // A validator may change what it is given.
      const copy = { ...anyParams(params) }
      const result = validate(copy)
      if (result === false) throw refused(validate.errors)
      if (typeof result !== 'object' || result === null) return copy
      if ('then' in result) {
        Promise.resolve(result).catch(() => {})
        throw new FST_ERR_WS_ASYNC_VALIDATOR('schema.params', 'parameters')
      }
      if ('error' in result && result.error) throw refused(result.error)
      return 'value' in result ? anyParams(result.value) : copy
    }
  }

  #serializer (schema: unknown): (message: unknown) => string {
    const compile = schemaCompiler(this.#instance, this.#topic.url)
    const union = findUnion(schema, this.#instance.getSchemas())
    const serialize = createSerializer(schema, union, {
      instance: this.#instance,
      whole: () => compile(schema as Schema),
      branch: i => compile(within('anyOf', union!.branches[i]!)),
      compile,
      refuse: text => new FST_ERR_WS_INVALID_PUBLISH(text)
    })
    return message => {
      const text: unknown = serialize(message)
      if (typeof text !== 'string') throw new FST_ERR_WS_SERIALIZER('schema.message', 'a string', kindOf(text))
      return text
    }
  }
}

/** @throws {FST_ERR_WS_TOPIC_PARAMS} */
function anyParams (params: unknown): Params {
  if (typeof params !== 'object' || params === null) throw new FST_ERR_WS_TOPIC_PARAMS('params must be object')
  return params as Params
}

/** Whether a position may be put into such messages, as far as the schema tells. */
function canCarry (schema: unknown, property: string): boolean {
  if (schema === undefined) return false
  // Of Zod, for instance, or declared elsewhere: what comes out will tell.
  if (!isPlain(schema) || schema.$ref !== undefined) return true
  const { type, properties, allOf } = schema
  const own = properties?.[property]
  if (own !== undefined) return own.type === 'string' || own.$ref !== undefined
  const branches = schema.anyOf ?? schema.oneOf
  if (Array.isArray(branches)) return branches.every(branch => canCarry(branch, property))
  if (Array.isArray(allOf)) return allOf.some(part => canCarry(part, property))
  return type === undefined && properties === undefined
}
