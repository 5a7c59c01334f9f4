import { cut } from './cut.ts'
import { escaped, isRecord, listed, type Place, resolve, type Schema, type SharedSchemas, standsAlone, within } from './union.ts'

/** Compiles a schema into a function that throws when a value does not fit. */
export type Compile = (schema: Schema) => (value: any) => unknown

/** A part of the schema. */
interface Part extends Place {
  /** Set inside a union, where nothing is coerced: serializers look for the branch that fits. */
  readonly isStrict: boolean
}

/** The longest quotation from a schema in an error text, in UTF-16 units. */
const MOST_OF_SCHEMA = 256

/**
 * Finds out where a value does not fit a schema. Serializers only say that it does not, or name a property but not its
 * place, so the parts are serialized one by one. Slow: only for a value that has already failed.
 */
export class Locator {
  readonly #compile: Compile
  readonly #shared: SharedSchemas
  readonly #compiled = { strict: new WeakMap<Schema, (value: any) => unknown>(), lax: new WeakMap<Schema, (value: any) => unknown>() }

  /** @param compile compiles in the same way as for the schema that the value has failed */
  constructor (compile: Compile, shared: SharedSchemas) {
    this.#compile = compile
    this.#shared = shared
  }

  /**
   * Says where and what is wrong, such as `message/text must be string`.
   *
   * @param isStrict whether the schema is a branch of a union
   */
  locate (schema: Schema, value: unknown, isStrict: boolean): string {
    return this.#find({ schema, root: schema, id: null, pointer: '', isStrict }, value, 'message') ?? misfit('message', schema)
  }

  /** Null: no place was found. */
  #find (from: Part, given: unknown, path: string): string | null {
    const found = resolve(from, this.#shared)
    if (found === null) return null
    const place = { ...found, isStrict: from.isStrict }
    const { schema } = place
    const value = asSent(given)
    if (schema.type !== undefined && !isOf([schema.type].flat(), value)) return `${path} must be ${[schema.type].flat().join(' or ')}`
    if ('const' in schema && schema.const !== value) return `${path} must be ${listed([schema.const])}`
    return (isRecord(value) ? this.#findProperty(place, value, path) : null) ??
      (Array.isArray(value) ? this.#findItem(place, value, path) : null) ??
      this.#findPart(place, value, path)
  }

  #findProperty (place: Part, value: Record<string, unknown>, path: string): string | null {
    const { required = [], properties = {}, additionalProperties } = place.schema
    for (const name of required) {
      if (value[name] === undefined) return `${path} must have required property '${name}'`
    }
    for (const [name, schema] of Object.entries(properties)) {
      if (value[name] === undefined) continue
      const found = this.#findIn(place, schema, `properties/${escaped(name)}`, value[name], `${path}/${escaped(name)}`)
      if (found !== null) return found
    }
    if (additionalProperties !== false) return null
    const other = Object.keys(value).find(name => !Object.hasOwn(properties, name))
    return other === undefined ? null : `${path} must NOT have additional properties: ${listed([other])}`
  }

  #findItem (place: Part, value: unknown[], path: string): string | null {
    const { items } = place.schema
    if (!isRecord(items)) return null
    for (const [i, item] of value.entries()) {
      const found = this.#findIn(place, items as Schema, 'items', item, `${path}/${i}`)
      if (found !== null) return found
    }
    return null
  }

  #findPart (place: Part, value: unknown, path: string): string | null {
    for (const [i, part] of (place.schema.allOf ?? []).entries()) {
      const found = this.#findIn(place, part, `allOf/${i}`, value, path)
      if (found !== null) return found
    }
    const keyword = place.schema.anyOf === undefined ? 'oneOf' : 'anyOf'
    const branches = place.schema[keyword]
    if (branches === undefined) return null
    const strict = { ...place, isStrict: true }
    const found = branches.map((branch, i) => this.#findIn(strict, branch, `${keyword}/${i}`, value, path))
    return found.every(one => one !== null) ? found.join(', or ') : null
  }

  /** The same for a part of the value. Null if the part fits by itself. */
  #findIn (place: Part, schema: Schema, key: string, value: unknown, path: string): string | null {
    const part = { ...place, schema, pointer: `${place.pointer}/${key}` }
    if (this.#fits(part, value)) return null
    return this.#find(part, value, path) ?? misfit(path, schema)
  }

  /** Whether a value fits, as far as can be told. */
  #fits (place: Part, value: unknown): boolean {
    const compiled = place.isStrict ? this.#compiled.strict : this.#compiled.lax
    let serialize = compiled.get(place.schema)
    try {
      if (serialize === undefined) {
        const schema = standsAlone(place, this.#shared)
        serialize = schema === null ? () => {} : this.#compile(place.isStrict ? within('anyOf', schema) : schema)
        compiled.set(place.schema, serialize)
      }
    } catch {
      return true
    }
    try {
      serialize(value)
      return true
    } catch {
      return false
    }
  }
}

function misfit (path: string, schema: Schema): string {
  return `${path} must fit ${cut(JSON.stringify(schema), MOST_OF_SCHEMA)}`
}

/** The value as JSON would carry it. */
function asSent (value: unknown): unknown {
  const { toJSON } = Object(value) as { toJSON?: unknown }
  return typeof toJSON === 'function' ? toJSON.call(value) : value
}

function isOf (types: string[], value: unknown): boolean {
  const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  return types.some(one => one === type || (one === 'integer' && Number.isInteger(value)))
}
