import type { FastifyInstance } from 'fastify'
import { Branches } from '../message/branches.ts'
import { cut } from '../message/cut.ts'
import { Locator } from '../message/locate.ts'
import { isPlain, type Schema, type Union } from '../message/union.ts'

export type Serializer = (value: any) => string

/** What Fastify is told that the serialized message answers. */
export const SEND_STATUS = '101'

/** The longest error text, in UTF-16 units: it may quote the value. */
const MAX_TEXT = 1024

/** What Fastify's own serializers say about a value that does not fit. */
const DOES_NOT_FIT = /^(?:"[^]*" is required!|The value [^]* (?:does not match schema definition|cannot be converted to an? [a-z-]+)\.|Item at \d+ does not match schema definition\.)$/

/** How the parts of a schema are compiled. */
export interface SerializerParts {
  readonly instance: FastifyInstance
  /** The whole schema, compiled. */
  whole: () => Serializer
  /** A branch of the union, compiled in an `anyOf` of its own. */
  branch: (index: number) => Serializer
  /** Compiles any other part, to find out where a value does not fit. */
  compile: (schema: Schema) => Serializer
  /** The error for a value that does not fit. */
  refuse: (text: string) => Error
}

/** Compiles a serializer as Fastify does for a route. @param own the compiler of the route itself */
export function schemaCompiler (instance: FastifyInstance, url: string, own?: unknown): (schema: Schema) => Serializer {
  return schema => {
    const compile = (own ?? instance.serializerCompiler) as (route: object) => Serializer
    return compile({ schema, method: 'GET', url, httpStatus: SEND_STATUS })
  }
}

/** A serializer whose errors say where a value does not fit. @param union that the schema is; null: it is none */
export function createSerializer (schema: unknown, union: Union | null, parts: SerializerParts): Serializer {
  const { refuse } = parts
  if (union === null) {
    const serialize = parts.whole()
    return isPlain(schema) ? guarded(serialize, explainer(schema, false, parts), refuse) : serialize
  }
  const whole = parts.whole()
  const serializers = new Branches(union, union.branches.map((_, i) => parts.branch(i)))
  const explainers = new Branches(union, union.branches.map(branch => explainer(branch, true, parts)))
  const explainWhole = explainer(schema as Schema, true, parts)
  return guarded(value => (serializers.pick(value) ?? whole)(value), value => {
    const explain = explainers.pick(value)
    if (explain !== undefined) return explain(value)
    if (!union.isClosed) return explainWhole(value)
    const { instancePath, message } = serializers.faultOf(value)
    return `message${instancePath} ${message}`
  }, refuse)
}

function explainer (schema: Schema, isStrict: boolean, { instance, compile }: SerializerParts): (value: unknown) => string {
  let locator: Locator | null = null
  return value => {
    locator ??= new Locator(compile, instance.getSchemas())
    return locator.locate(schema, value, isStrict)
  }
}

/** Wraps one of Fastify's serializers so that its errors say where the value does not fit. */
function guarded (serialize: Serializer, explain: (value: unknown) => string, refuse: (text: string) => Error): Serializer {
  return value => {
    try {
      return serialize(value)
    } catch (error) {
      throw explained(error, value, explain, refuse)
    }
  }
}

function explained (error: unknown, value: unknown, explain: (value: unknown) => string, refuse: (text: string) => Error): unknown {
  try {
    const { message } = error as Error
    // Nothing has no properties: a serializer of an object fails as it reads them.
    const isNothing = (value === undefined || value === null) && error instanceof TypeError
    if (!isNothing && !DOES_NOT_FIT.test(message)) return error
    const text = explain(value)
    // Fastify's own text only says that nothing matched.
    const said = isNothing || message.startsWith('The value of ') ? text : `${text} (${message})`
    return refuse(cut(said, MAX_TEXT))
  } catch {
    // The value itself threw when it was read: a getter, or a Proxy.
    return error
  }
}
