import type { Jsonified } from './jsonified.ts'

/**
 * What a type provider of Fastify is, seen from the outside: it makes types from `schema`. This one itself knows none, which is
 * enough for Standard Schemas (Zod, Valibot, ArkType, …): these have their types with them.
 */
export interface TypeProvider {
  readonly schema: unknown
  readonly validator: unknown
  readonly serializer: unknown
}

/** What is on the wire for this schema, as JSON: the input of a Standard Schema, otherwise the given type. */
export type WireOf<Schema, Otherwise> =
  Jsonified<Schema extends { '~standard': { types?: { input: infer Input } | undefined } } ? Input : Otherwise>

/** The wire for a schema that validates. */
type Validated<Schema, Provider extends TypeProvider> = WireOf<Schema, (Provider & { schema: Schema })['validator']>
/** The wire for a schema that serializes. */
type Serialized<Schema, Provider extends TypeProvider> = WireOf<Schema, (Provider & { schema: Schema })['serializer']>

/** Text before the first of these characters, which end the name of a parameter. */
type Before<Text extends string, End extends string> = Text extends `${infer Head}${End}${string}` ? Head : Text
type NameIn<Text extends string> = Before<Before<Before<Before<Before<Before<Text, '/'>, '('>, '-'>, '.'>, ':'>, '?'>
type NamesIn<Url extends string> = Url extends `${string}:${infer Rest}`
  ? Rest extends `:${infer More}` ? NamesIn<More> : { [Name in NameIn<Rest>]: Before<Rest, '/'> } | NamesIn<Rest>
  : never

/** What a parameter or a query may have for a value. */
export type UrlValue = string | number | boolean | bigint

type Both<Union> = (Union extends unknown ? (of: Union) => void : never) extends (of: infer All) => void ? All : never
type IsOptional<Rest> = Rest extends `${string}?` ? true : false

/** The parameters in the URL of a route, such as `{ room: UrlValue }` for `/rooms/:room`. */
export type ParamsOfUrl<Url extends string> = string extends Url ? { [name: string]: UrlValue }
  : [NamesIn<Url>] extends [never] ? (Url extends `${string}*` ? { '*'?: string } : {})
      : Named<Both<NamesIn<Url>>> & (Url extends `${string}*` ? { '*'?: string } : {})

type Named<Places> = {
  [Name in keyof Places as IsOptional<Places[Name]> extends true ? never : Name]: UrlValue
} & {
  [Name in keyof Places as IsOptional<Places[Name]> extends true ? Name : never]?: UrlValue
}

/** What a client sends to a route with this schema. Without `schema.message`: text and bytes. */
export type SentTo<Schema, Provider extends TypeProvider> =
  Schema extends { message: infer Message } ? Validated<Message, Provider> : string | Uint8Array | ArrayBuffer

/** What a client gets from a route with this schema. Without `schema.send`: text and bytes. */
export type GotFrom<Schema, Provider extends TypeProvider> =
  Schema extends { send: infer Send } ? Serialized<Send, Provider> : string | Uint8Array

/** The parameters that a client fills in. */
export type ParamsFor<Schema, Url extends string, Provider extends TypeProvider> =
  Schema extends { params: infer Params } ? Validated<Params, Provider> : ParamsOfUrl<Url>

/** The query that a client sends. */
export type QueryFor<Schema, Provider extends TypeProvider> =
  Schema extends { querystring: infer Query } ? Validated<Query, Provider> : { [name: string]: unknown }
