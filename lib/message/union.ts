import { cut } from './cut.ts'

/** The parts of a JSON schema that matter here. */
export interface Schema {
  $id?: string
  $ref?: string
  $defs?: Record<string, Schema>
  definitions?: Record<string, Schema>
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  additionalProperties?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
}

/** A choice of objects, told apart by a property with a constant value. */
export interface Union {
  /** The property, such as `type`. */
  readonly property: string
  /** Which branch each value of the property stands for. */
  readonly indexes: ReadonlyMap<unknown, number>
  /** The constants as the schema has them. */
  readonly constants: readonly unknown[]
  /** The branches, each as a schema of its own. */
  readonly branches: readonly Schema[]
  /** Whether every branch is an object that requires the property: a value with none of its constants fits no branch. */
  readonly isClosed: boolean
}

/** Schemas that a `$ref` may name, by their `$id`. */
export type SharedSchemas = Record<string, unknown>

/** A schema, and the document in which its `$ref`s are looked up. */
export interface Place {
  readonly schema: Schema
  readonly root: Schema
  /** The `$id` of the document, if it is a shared schema; null: it is the route's own. */
  readonly id: string | null
  /** Where the schema is in the document, as a JSON pointer. */
  readonly pointer: string
}

interface Branch {
  readonly constants: Map<string, unknown[]>
  readonly required: Set<string>
  readonly isObject: boolean
}

/** The most `$ref`s that are followed in a row, and the most parts of an `allOf`. */
const MOST_REFS = 10

/** Annotations, and the keywords that list the branches: none of them says anything about all branches. */
const ANNOTATIONS = new Set([
  '$id', '$schema', '$comment', '$defs', 'definitions', 'title', 'description', 'examples', 'deprecated', 'discriminator',
  'anyOf', 'oneOf'
])

/** The longest list of values in an error text, in UTF-16 units. */
const MOST_OF_VALUES = 256

/** The union that a schema is, if one property tells its branches apart; null if it is none, or not a simple one. */
export function findUnion (schema: unknown, shared: SharedSchemas): Union | null {
  if (!isPlain(schema)) return null
  const whole = resolve({ schema, root: schema, id: null, pointer: '' }, shared)
  if (whole === null) return null
  const places = branchesOf(whole, shared)
  if (places === null || places.length < 2) return null
  const branches = places.map(place => describe(place, shared))
  const property = [...branches[0]!.constants.keys()].find(name => tellsApart(name, branches))
  if (property === undefined) return null
  const schemas = places.map(place => branchAlone(place, whole, shared))
  if (schemas.includes(null)) return null
  const constants = branches.map(branch => branch.constants.get(property)!)
  const common = describe(whole, shared)
  const isClosing = (branch: Branch): boolean =>
    (branch.isObject || common.isObject) && (branch.required.has(property) || common.required.has(property))
  return {
    property,
    indexes: indexesOf(constants),
    constants: constants.flat(),
    branches: schemas as Schema[],
    isClosed: branches.every(isClosing)
  }
}

/** A list of values for an error text, as many as fit. */
export function listed (values: readonly unknown[]): string {
  return cut(values.map(value => JSON.stringify(value)).join(', '), MOST_OF_VALUES)
}

/** Whether this can only be a JSON schema: builders and other kinds of schemas have classes of their own. */
export function isPlain (schema: unknown): schema is Schema {
  return typeof schema === 'object' && schema !== null && Object.getPrototypeOf(schema) === Object.prototype
}

/** Follows `$ref` as long as there is one; null: it leads to something unknown. */
export function resolve (place: Place, shared: SharedSchemas): Place | null {
  let at: Place | null = place
  for (let i = 0; i < MOST_REFS && at !== null; i++) {
    const ref = at.schema.$ref
    if (ref === undefined) return at
    at = follow(String(ref), at, shared)
  }
  return null
}

function follow (ref: string, { root, id }: Place, shared: SharedSchemas): Place | null {
  const [name = '', pointer = ''] = ref.split('#')
  const document = name === '' ? root : Object.hasOwn(shared, name) ? shared[name] : undefined
  let schema: any = document
  for (const part of pointer.split('/').slice(1).map(unescape)) {
    schema = typeof schema === 'object' && schema !== null && Object.hasOwn(schema, part) ? schema[part] : undefined
  }
  // What follows the # may be a name instead of a pointer.
  if (!isRecord(schema) || !/^(?:\/|$)/.test(pointer)) return null
  return { schema, root: document as Schema, id: name === '' ? id : name, pointer }
}

/** Escapes a name for a JSON pointer (RFC 6901 §3). */
export function escaped (name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** Undoes `escaped`. */
function unescape (part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** The branches of a union, including those of nested unions; null if it is not a union, or if a branch is not known. */
function branchesOf (place: Place, shared: SharedSchemas): Place[] | null {
  const { schema, root, id, pointer } = place
  const keyword = schema.anyOf === undefined ? 'oneOf' : 'anyOf'
  const members = schema[keyword]
  if (!Array.isArray(members) || (schema.anyOf !== undefined && schema.oneOf !== undefined)) return null
  const places: Place[] = []
  for (const [i, member] of members.entries()) {
    if (!isRecord(member)) return null
    const own = { schema: member as Schema, root, id, pointer: `${pointer}/${keyword}/${i}` }
    const target = resolve(own, shared)
    if (target === null) return null
    const nested = isUnionAlone(target.schema) ? branchesOf(target, shared) : [own]
    if (nested === null) return null
    places.push(...nested)
  }
  return places
}

function isUnionAlone (schema: Schema): boolean {
  return (schema.anyOf ?? schema.oneOf) !== undefined && Object.keys(schema).every(key => ANNOTATIONS.has(key))
}

/** What a branch says about its properties, in all parts of an `allOf`. */
function describe (place: Place, shared: SharedSchemas): Branch {
  const constants = new Map<string, unknown[]>()
  const required = new Set<string>()
  let isObject = false
  const parts = new Set([resolve(place, shared)])
  // The loop also visits what it adds to the set.
  for (const part of parts) {
    if (part === null) continue
    const { schema } = part
    if (schema.type === 'object') isObject = true
    for (const name of schema.required ?? []) required.add(name)
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const found = isRecord(property) ? constantsOf({ ...part, schema: property as Schema }, shared) : null
      if (found !== null && !constants.has(name)) constants.set(name, found)
    }
    for (const member of schema.allOf ?? []) {
      if (isRecord(member) && parts.size < MOST_REFS) parts.add(resolve({ ...part, schema: member as Schema }, shared))
    }
  }
  return { constants, required, isObject }
}

/** The values that a property may have; null if the schema does not list them all. */
function constantsOf (place: Place, shared: SharedSchemas): unknown[] | null {
  const { schema } = resolve(place, shared) ?? place
  const values = 'const' in schema ? [schema.const] : schema.enum ?? (schema.anyOf ?? schema.oneOf)?.map(one => one?.const)
  const isList = Array.isArray(values) && values.length > 0
  return isList && values.every(value => value !== undefined && (typeof value !== 'object' || value === null)) ? values : null
}

/** Whether every branch has constants for this property, and none of them is another branch's too. */
function tellsApart (name: string, branches: Branch[]): boolean {
  // Every object or array inherits it.
  if (name in Array.prototype) return false
  const lists = branches.map(branch => branch.constants.get(name))
  const all = lists.flatMap(values => [...new Set(values)])
  return !lists.includes(undefined) && new Set(all.map(String)).size === all.length
}

/** Also has the values that validators coerce to a constant: Ajv turns a text into a number, and a number into a text. */
function indexesOf (constants: unknown[][]): Map<unknown, number> {
  const indexes = new Map<unknown, number>()
  for (const [i, values] of constants.entries()) {
    for (const value of values) indexes.set(value, i).set(typeof value === 'string' ? parsed(value) : String(value), i)
  }
  return indexes
}

function parsed (text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value !== 'object' && String(value) === text ? value : text
  } catch {
    return text
  }
}

/** A branch, with what the union says about all branches; null if a reference in it could not be resolved then. */
function branchAlone (place: Place, whole: Place, shared: SharedSchemas): Schema | null {
  const branch = standsAlone(place, shared)
  const others = Object.entries(whole.schema).filter(([key]) => !ANNOTATIONS.has(key))
  if (branch === null || others.every(([key, value]) => key === 'type' && value === 'object')) return branch
  return whole.id !== null || refsOf(others).length > 0 ? null : within('allOf', branch, Object.fromEntries(others))
}

/** A part of a document as a schema of its own; null if a reference in it could not be resolved then. */
export function standsAlone ({ schema, root, id, pointer }: Place, shared: SharedSchemas): Schema | null {
  return id === null ? copyWithDefinitions(schema, root, shared) : { $ref: `${id}#${pointer}` }
}

/** Wraps a schema in a keyword, and moves its definitions to the top, where references look for them. */
export function within (keyword: 'allOf' | 'anyOf', schema: Schema, others: Schema = {}): Schema {
  const { $defs, definitions, ...rest } = schema
  return { ...others, ...$defs && { $defs }, ...definitions && { definitions }, [keyword]: [rest] }
}

function copyWithDefinitions (schema: Schema, root: Schema, shared: SharedSchemas): Schema | null {
  const refs = refsOf(schema)
  // References are relative to an `$id`, if there is one.
  if (refs.length === 0 || schema.$id !== undefined) return schema
  const { $defs, definitions } = root
  const all = refs.concat(refsOf([$defs, definitions]))
  const isKnown = (ref: string): boolean => /^#\/(?:\$defs|definitions)\//.test(ref) || Object.hasOwn(shared, ref.split('#')[0]!)
  if (!all.every(isKnown)) return null
  // Keeps everything that a type provider has put on it, even what is not enumerable.
  const copy: Schema = Object.create(Object.getPrototypeOf(schema), Object.getOwnPropertyDescriptors(schema))
  if ($defs !== undefined) copy.$defs = $defs
  if (definitions !== undefined) copy.definitions = definitions
  return copy
}

/** Every `$ref` in a schema, and every other reference that is relative to its place. */
function refsOf (schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([key, value]) => {
    if (typeof value !== 'string') return refsOf(value)
    return key === '$ref' || key === '$dynamicRef' || key === '$recursiveRef' ? [value] : []
  })
}

export function isRecord (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
