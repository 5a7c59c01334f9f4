import { types } from 'node:util'
import { parse } from 'secure-json-parse'
import { FST_ERR_WS_ASYNC_VALIDATOR, FST_ERR_WS_INVALID_JSON, FST_ERR_WS_INVALID_MESSAGE } from '../errors.ts'

/** A compiled validator, as Fastify's validator compilers make them. */
export interface Validator {
  (value: unknown, context?: { parentData: object, parentDataProperty: string }): unknown
  errors?: unknown
  /** Marks a validator of Ajv. */
  schemaEnv?: unknown
}

/** What a route does with JSON keys that would reach an object's prototype: Fastify's own options. */
export interface PoisoningOptions {
  protoAction: 'error' | 'remove' | 'ignore'
  constructorAction: 'error' | 'remove' | 'ignore'
}

export interface DecoderOptions extends PoisoningOptions {
  /** Report what fails the schema in `failure` and hand it on, instead of throwing. */
  attachValidation: boolean
  /** Makes one error of what the validator reported. */
  formatError: (errors: any[], dataVar: string) => Error
}

/** Text to validated value, for the routes that declare `schema.message`. One for all connections of a route. */
export class MessageDecoder {
  /** What is wrong with the value that `decode` returned last, with `attachValidation`. */
  failure: Error | null = null

  readonly #validator: Validator
  readonly #options: DecoderOptions
  /** Lets Ajv replace the value itself: a schema may coerce or default it. */
  readonly #holder: { message: unknown } = { message: undefined }
  readonly #context = { parentData: this.#holder, parentDataProperty: 'message' }

  constructor (validator: Validator, options: DecoderOptions) {
    this.#validator = validator
    this.#options = options
  }

  /** @throws {FST_ERR_WS_INVALID_JSON | FST_ERR_WS_INVALID_MESSAGE | FST_ERR_WS_ASYNC_VALIDATOR} */
  decode (text: string): unknown {
    this.#holder.message = parseJson(text, this.#options)
    const failure = this.#validate()
    const value = this.#holder.message
    this.#holder.message = undefined
    if (failure !== null && !this.#options.attachValidation) throw failure
    this.failure = failure
    return value
  }

  /** The three forms of an answer that Fastify knows: false with `errors`, `{ error }`, `{ value }`. */
  #validate (): Error | null {
    const validator = this.#validator
    const result = validator.schemaEnv === undefined
      ? validator(this.#holder.message)
      : validator(this.#holder.message, this.#context)
    if (result === true) return null
    if (result === false) return this.#invalid(validator.errors)
    if (typeof result !== 'object' || result === null) return null
    if ('then' in result) {
      Promise.resolve(result).catch(() => {})
      throw new FST_ERR_WS_ASYNC_VALIDATOR()
    }
    if ('error' in result && result.error) return this.#invalid(result.error)
    if ('value' in result) this.#holder.message = result.value
    return null
  }

  #invalid (reported: unknown): Error {
    if (Array.isArray(reported)) {
      const error: unknown = this.#options.formatError(reported, 'message')
      if (types.isPromise(error)) {
        error.catch(() => {})
        throw new TypeError('schemaErrorFormatter must return an error, not a promise')
      }
      return new FST_ERR_WS_INVALID_MESSAGE((error as Error).message, reported)
    }
    const text = reported instanceof Error ? reported.message : String(reported ?? 'the message does not fit the schema')
    return new FST_ERR_WS_INVALID_MESSAGE(text, undefined, reported)
  }
}

/** Parses JSON and refuses what would poison a prototype. @throws {FST_ERR_WS_INVALID_JSON} */
export function parseJson (text: string, options: PoisoningOptions): unknown {
  try {
    return parse(text, options)
  } catch (error) {
    throw new FST_ERR_WS_INVALID_JSON((error as Error).message, { cause: error })
  }
}

/** Fastify's default text for a schema violation: where, then what. */
export function formatSchemaErrors (errors: Array<{ instancePath?: string, message?: string }>, dataVar: string): Error {
  return new Error(errors.map(error => `${dataVar}${error.instancePath ?? ''} ${error.message}`).join(', '))
}
