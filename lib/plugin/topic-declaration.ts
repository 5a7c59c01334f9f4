import type { FastifyInstance, RouteOptions } from 'fastify'
import { FST_ERR_WS_INVALID_PUBLISH, FST_ERR_WS_NOT_REGISTERED, FST_ERR_WS_OPTION, FST_ERR_WS_POSITION, FST_ERR_WS_TOPIC_PARAMS } from '../errors.ts'
import { formatSchemaErrors, type Validator } from '../message/codec.ts'
import { findUnion, isPlain, type Schema, within } from '../message/union.ts'
import { TopicUrl } from '../topics/name.ts'
import { PublicTopic } from '../topics/public-topic.ts'
import { DeclaredTopic, type TopicCompilers } from '../topics/topic.ts'
import { registrationOf } from './registration.ts'
import { createSerializer, schemaCompiler } from './serializer.ts'
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
    this.#requireCompilers(topicUrl.text)
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

  /** Fastify makes an instance's schema compilers for its routes. A route for no method declares nothing else. */
  #requireCompilers (url: string): void {
    const schema = { hide: true, params: { type: 'object' }, response: { 200: { type: 'string' } } }
    this.#instance.route({ method: [], url, schema, exposeHeadRoute: false, handler: () => {} } as unknown as RouteOptions)
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
    return params => {
      // A validator may change what it is given.
      const copy = { ...anyParams(params) }
      const result = validate(copy)
      if (result === false) throw new FST_ERR_WS_TOPIC_PARAMS(formatSchemaErrors(validate.errors as any[], 'params').message)
      if (typeof result !== 'object' || result === null) return copy
      if ('error' in result && result.error) throw new FST_ERR_WS_TOPIC_PARAMS(String((result.error as Error).message ?? result.error))
      return 'value' in result ? result.value as Params : copy
    }
  }

  #serializer (schema: unknown): (message: unknown) => string {
    const compile = schemaCompiler(this.#instance, this.#topic.url)
    const union = findUnion(schema, this.#instance.getSchemas())
    return createSerializer(schema, union, {
      instance: this.#instance,
      whole: () => compile(schema as Schema),
      branch: i => compile(within('anyOf', union!.branches[i]!)),
      compile,
      refuse: text => new FST_ERR_WS_INVALID_PUBLISH(text)
    })
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
  // Of Zod, for instance: what comes out will tell.
  if (!isPlain(schema)) return true
  const { type, properties, anyOf, oneOf } = schema as Record<string, any>
  const branches = anyOf ?? oneOf
  if (Array.isArray(branches)) return branches.every(branch => canCarry(branch, property))
  if (properties === undefined) return type === undefined
  return properties[property]?.type === 'string'
}
