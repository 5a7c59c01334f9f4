import type { Jsonified } from './jsonified.ts'

/**
 * What a type provider of Fastify is, seen from the outside: it makes types from `schema`. This one makes nothing of it, and is that of
 * those who name none: Standard Schemas (Zod, Valibot, ArkType, …) have types of their own.
 */
export interface TypeProvider {
  readonly schema: unknown
  readonly validator: unknown
  readonly serializer: unknown
}

/** What goes into a schema: the input of a Standard Schema, otherwise the given type. */
type InputOf<Schema, Otherwise> = Schema extends { '~standard': { types?: { input: infer Input } | undefined } } ? Input : Otherwise

/** What is on the wire for this schema, as JSON: the input of a Standard Schema, otherwise the given type. */
export type WireOf<Schema, Otherwise> = Jsonified<InputOf<Schema, Otherwise>>

/** For a schema that says nothing to this provider. */
type Known<Type, Otherwise> = unknown extends Type ? Otherwise : Type

/** Text before the first of these characters, which end the name of a parameter. */
type Before<Text extends string, End extends string> = Text extends `${infer Head}${End}${string}` ? Head : Text
type NameIn<Text extends string> = WithoutQuery<Before<Before<Before<Before<Text, '/'>, '('>, '-'>, '.'>>
/** A question mark at the end makes it optional, another one begins a query. */
type WithoutQuery<Name extends string> = Name extends `${infer Own}?${infer Query}` ? Query extends '' ? Name : Own : Name

/** The names of the parameters, those of optional ones with a question mark at the end; `string` if they are not known. */
type NamesIn<Url extends string> = Url extends `${string}:${infer Rest}`
  ? Rest extends `:${infer More}` ? NamesIn<More> : NameIn<Rest> | NamesBehind<Rest, NameIn<Rest>>
  : never
type NamesBehind<Rest extends string, Name extends string> = Rest extends `${Name}(${infer Regex})${infer More}`
  // Where the regular expression ends is not worth finding out.
  ? Regex extends `${string}(${string}` ? string : NamesIn<More>
  : Rest extends `${Name}${infer More}` ? NamesIn<More> : never

/** What a parameter may have for a value. */
export type UrlValue = string | number | boolean | bigint

type Params<Name extends string> = string extends Name ? { [name: string]: UrlValue } : Flat<{
  [Key in Name as Key extends `${string}?` ? never : Key]: UrlValue
} & {
  [Key in Name as Key extends `${infer Optional}?` ? Optional : never]?: UrlValue
}>

/** The same as one type, which is easier to read. */
type Flat<Type> = { [Key in keyof Type]: Type[Key] }

/** The parameters in the URL of a route, such as `{ room: UrlValue }` for `/rooms/:room`. */
export type ParamsOfUrl<Url extends string> =
  Params<string extends Url ? string : NamesIn<Url> | (Url extends `${string}*` ? '*?' : never)>

/** What a client sends to a route with this schema. Without `schema.message`: text and bytes. */
export type SentTo<Schema, Provider extends TypeProvider> = Schema extends { message: infer Message }
  ? WireOf<Message, (Provider & { schema: Message })['validator']>
  : string | Uint8Array | ArrayBuffer

/** What a client gets from a route with this schema. Without `schema.send`: text and bytes. */
export type GotFrom<Schema, Provider extends TypeProvider> = Schema extends { send: infer Send }
  ? WireOf<Send, (Provider & { schema: Send })['serializer']>
  : string | Uint8Array

/** The parameters that a client fills in: by `schema.params`, otherwise those in the URL. */
export type ParamsFor<Schema, Url extends string, Provider extends TypeProvider> = Schema extends { params: infer Params }
  ? Known<InputOf<Params, (Provider & { schema: Params })['validator']>, ParamsOfUrl<Url>>
  : ParamsOfUrl<Url>

/** The query that a client sends: by `schema.querystring`, otherwise anything. */
export type QueryFor<Schema, Provider extends TypeProvider> = Schema extends { querystring: infer Query }
  ? Known<InputOf<Query, (Provider & { schema: Query })['validator']>, AnyQuery>
  : AnyQuery

/** A query of which nothing is known. */
export interface AnyQuery { readonly [name: string]: unknown }

type KeysOf<Value> = Value extends unknown ? keyof Value : never

/** An option whose value is of this type: it must be given if one of its properties must, and cannot be if there are none. */
export type Part<Name extends string, Value, Given = Value> =
  [KeysOf<Value>] extends [never] ? { [_ in Name]?: undefined }
    : {} extends Value ? { [_ in Name]?: Given } : { [_ in Name]: Given }

/**
 * Options that may be left out if none of them must be given. The compiler infers nothing from them: it would have to work out what a
 * type provider makes of any schema, which takes seconds.
 */
export type OptionsArgument<All> = {} extends All ? [options?: NoInfer<All>] : [options: NoInfer<All>]
