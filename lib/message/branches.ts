import { escaped, listed, type Union } from './union.ts'

/** What is wrong with a value, in Ajv's form. */
export interface SchemaFault {
  keyword: string
  instancePath: string
  schemaPath: string
  params: Record<string, unknown>
  message: string
}

/** The compiled branches of a union, each found by the property that tells them apart. */
export class Branches<Compiled> {
  readonly #property: string
  readonly #compiled = new Map<unknown, Compiled>()
  readonly #union: Union

  /** @param compiled in the order of the branches */
  constructor (union: Union, compiled: readonly Compiled[]) {
    this.#union = union
    this.#property = union.property
    for (const [value, i] of union.indexes) this.#compiled.set(value, compiled[i]!)
  }

  /** The compiled branch that a value names; undefined: it names none. */
  pick (value: unknown): Compiled | undefined {
    if (typeof value !== 'object' || value === null) return undefined
    return this.#compiled.get((value as Record<string, unknown>)[this.#property])
  }

  /** What is wrong with a value that names no branch. */
  faultOf (value: unknown): SchemaFault {
    const { property, constants } = this.#union
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return { keyword: 'type', instancePath: '', schemaPath: '#/type', params: { type: 'object' }, message: 'must be object' }
    }
    const allowed = listed(constants)
    if ((value as Record<string, unknown>)[property] === undefined) {
      const message = `must have required property '${property}', one of ${allowed}`
      return { keyword: 'required', instancePath: '', schemaPath: '#/required', params: { missingProperty: property }, message }
    }
    const path = `/${escaped(property)}`
    const params = { allowedValues: [...constants] }
    return { keyword: 'enum', instancePath: path, schemaPath: `#/properties${path}/enum`, params, message: `must be one of ${allowed}` }
  }
}
