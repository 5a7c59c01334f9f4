import { types } from 'node:util'
import { parse } from 'secure-json-parse'
import { FST_ERR_WS_ASYNC_VALIDATOR, FST_ERR_WS_INVALID_JSON, FST_ERR_WS_INVALID_MESSAGE, FST_ERR_WS_UNSUPPORTED_DATA } from '../errors.ts'
import type { Branches } from './branches.ts'
import { cut } from './cut.ts'

/** A compiled validator, as Fastify's validator compilers make it. */
export interface Validator {
  (value: unknown, context?: { parentData: object, parentDataProperty: string }): unknown
  errors?: unknown
  /** Marks a validator of Ajv. */
  schemaEnv?: SchemaEnv
}

/** A schema as Ajv has compiled it, with the schemas that it refers to. */
interface SchemaEnv {
  validate?: Validator
  root?: SchemaEnv
  refs?: Record<string, unknown>
}

/** What `schema.message` was compiled into. */
export interface Validators {
  /** For every message, or for those that name no branch. Null: such a message is invalid. */
  whole: Validator | null
  /** Of a union whose branches a property tells apart. Null: the schema is not such a union. */
  branches: Branches<Validator> | null
  all: readonly Validator[]
}

/** What a route does with JSON keys that would reach an object's prototype: Fastify's own options. */
export interface PoisoningOptions {
  protoAction: 'error' | 'remove' | 'ignore'
  constructorAction: 'error' | 'remove' | 'ignore'
}

export interface DecoderOptions extends PoisoningOptions {
  /** Delivers a message that fails the schema, and tells its recipient what is wrong, instead of throwing. */
  attachValidation: boolean
  /** Turns what the validator reported into one error. */
  formatError: (errors: any[], dataVar: string) => Error
}

/** The longest text of an error, in UTF-16 units: it goes to the log and to the peer, and may quote the message. */
const MAX_TEXT = 1024
/** The longest path to a fault in it, which leaves room for the fault itself. */
const MAX_PATH = 256

/**
 * Decodes text to a validated value, for routes that declare `schema.message`. One decoder serves all connections of a
 * route, and keeps nothing of a message.
 */
export class MessageDecoder {
  readonly #whole: Validator | null
  readonly #branches: Branches<Validator> | null
  /** The validators that would otherwise keep the errors of the last message. */
  readonly #keepers: Validator[]
  readonly #options: DecoderOptions
  /** Lets Ajv replace the whole value, which a schema may coerce or default. */
  readonly #holder: { message: unknown } = { message: undefined }
  readonly #context = { parentData: this.#holder, parentDataProperty: 'message' }

  constructor ({ whole, branches, all }: Validators, options: DecoderOptions) {
    this.#whole = whole
    this.#branches = branches
    this.#keepers = [...new Set(all.flatMap(keepersOf))]
    this.#options = options
  }

  /**
   * @param recipient with `attachValidation`, is told what is wrong with the message
   * @throws {FST_ERR_WS_UNSUPPORTED_DATA} the message is binary
   * @throws {FST_ERR_WS_INVALID_JSON | FST_ERR_WS_INVALID_MESSAGE | FST_ERR_WS_ASYNC_VALIDATOR}
   */
  decode (data: string | Buffer, recipient: { validationError: Error | null }): unknown {
    if (typeof data !== 'string') throw new FST_ERR_WS_UNSUPPORTED_DATA()
    this.#holder.message = parseJson(data, this.#options)
    try {
      const fault = this.#check()
      if (this.#options.attachValidation) recipient.validationError = fault
      else if (fault !== null) throw fault
      return this.#holder.message
    } finally {
      this.#holder.message = undefined
      for (const keeper of this.#keepers) keeper.errors = null
    }
  }

  /** A message nested too deeply for the validator, or for the error formatter, is the client's fault and not ours. */
  #check (): Error | null {
    try {
      return this.#validate()
    } catch (error) {
      if (isStackOverflow(error)) return tooDeep(error)
      throw error
    }
  }

  /** Understands the three answers that Fastify knows: false with `errors`, `{ error }`, `{ value }`. */
  #validate (): Error | null {
    const validator = this.#branches?.pick(this.#holder.message) ?? this.#whole
    if (validator === null) return this.#invalid([this.#branches!.faultOf(this.#holder.message)])
    const result = validator.schemaEnv === undefined
      ? validator(this.#holder.message)
      : validator(this.#holder.message, this.#context)
    if (result === true) return null
    if (result === false) return this.#invalid(takeErrors(validator))
    if (typeof result !== 'object' || result === null) return null
    if ('then' in result) {
      Promise.resolve(result).catch(() => {})
      throw new FST_ERR_WS_ASYNC_VALIDATOR('schema.message', 'messages')
    }
    if ('error' in result && result.error) return this.#invalid(result.error)
    if ('value' in result) this.#holder.message = result.value
    return null
  }

  #invalid (reported: unknown): Error {
    if (isStackOverflow(reported)) return tooDeep(reported)
    const text = reportedText(reported, this.#options.formatError, 'message')
    return Array.isArray(reported) ? new FST_ERR_WS_INVALID_MESSAGE(text, reported) : new FST_ERR_WS_INVALID_MESSAGE(text, undefined, reported)
  }
}

/** What a validator reported, as one text: a list of violations by way of the formatter, or an error of its own. */
export function reportedText (reported: unknown, formatError: DecoderOptions['formatError'], dataVar: string): string {
  if (!Array.isArray(reported)) {
    const text = reported instanceof Error ? reported.message : String(reported ?? `the ${dataVar} does not fit the schema`)
    return cut(String(text), MAX_TEXT)
  }
  const error: unknown = formatError(reported, dataVar)
  if (types.isPromise(error)) {
    error.catch(() => {})
    throw new TypeError('schemaErrorFormatter must return an error, not a promise')
  }
  return cut(String((error as Error).message), MAX_TEXT)
}

/** Parses JSON and refuses what would poison a prototype. @throws {FST_ERR_WS_INVALID_JSON} */
export function parseJson (text: string, options: PoisoningOptions): unknown {
  try {
    return parse(text, options)
  } catch (error) {
    throw new FST_ERR_WS_INVALID_JSON(cut((error as Error).message, MAX_TEXT), { cause: error })
  }
}

/** Fastify's default text for violations of a schema: where, then what, for as many as fit. */
export function formatSchemaErrors (errors: Array<{ instancePath?: string, message?: string }>, dataVar: string): Error {
  let text = ''
  for (const { instancePath = '', message } of errors) {
    if (text.length > MAX_TEXT) break
    text += `${text === '' ? '' : ', '}${dataVar}${cut(String(instancePath), MAX_PATH)} ${message}`
  }
  return new Error(text)
}

/** Ajv leaves errors, and with `verbose` the values, on each validator that it made, also for a referenced schema. */
function keepersOf (validator: Validator): Validator[] {
  if (validator.schemaEnv === undefined) return []
  const schemas = new Set<SchemaEnv | undefined>([validator.schemaEnv])
  // The loop also visits what it adds to the set.
  for (const schema of schemas) {
    schemas.add(schema?.root)
    for (const other of Object.values(schema?.refs ?? {})) if (typeof other === 'object') schemas.add(other as SchemaEnv)
  }
  const validators = Array.from(schemas, schema => schema?.validate)
  return [...new Set([validator, ...validators])].filter(one => typeof one === 'function')
}

function takeErrors (validator: Validator): unknown {
  const { errors } = validator
  Reflect.set(validator, 'errors', null)
  return errors
}

function tooDeep (cause: unknown): Error {
  return new FST_ERR_WS_INVALID_MESSAGE('the message is nested too deeply to be validated', undefined, cause)
}

/** This text is the only sign that engines give. Bun ends it with a full stop. */
function isStackOverflow (error: unknown): boolean {
  return types.isNativeError(error) && error.name === 'RangeError' && error.message.startsWith('Maximum call stack size exceeded')
}
