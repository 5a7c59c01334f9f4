/** What both ends know of a `ws` route: spread it into the route, and give it to a client. */
export interface SocketContract<Url extends string = string, Schema = unknown> {
  readonly method: 'GET'
  readonly url: Url
  readonly ws: true
  readonly schema: Schema
}

/** The schemas of a `ws` route, and what documents it, as Fastify and @fastify/swagger take it. */
export interface SocketSchema {
  readonly params?: unknown
  readonly querystring?: unknown
  readonly headers?: unknown
  /** What clients send, as JSON. */
  readonly message?: unknown
  /** What the server sends, as JSON. */
  readonly send?: unknown
  /** For plain HTTP requests, if the route also takes these. */
  readonly response?: unknown
  readonly hide?: boolean
  readonly deprecated?: boolean
  readonly tags?: readonly string[]
  readonly summary?: string
  readonly description?: string
  readonly operationId?: string
  readonly externalDocs?: unknown
  readonly security?: unknown
  readonly consumes?: unknown
  readonly produces?: unknown
  readonly [extension: `x-${string}`]: unknown
}

/** Other keys are mistakes of the writer, such as `querry`. */
export type KnownKeys<Schema> = { readonly [Key in Exclude<keyof Schema, keyof SocketSchema>]?: never }

/** A URL whose text the compiler knows, so that it knows the parameters; otherwise what the compiler says of it. */
export type LiteralUrl<Url extends string> = {} extends { [_ in Url]: unknown } ? 'a URL is written as a literal'
  : Url extends `/${string}` ? Url : never

/**
 * Declares a `ws` route in one constant, which the server and its clients share:
 *
 *     export const chat = defineSocket('/rooms/:room', { message: Say, send: Line })
 *     app.route({ ...chat, handler (socket, request) { … } })
 *     api.connect<typeof chat>('/rooms/:room', { params: { room: 'tea' } })
 *
 * It may be imported by a browser.
 *
 * @param url begins with a slash, and is written as a literal; without the prefix of the plugin that declares the route, which
 * belongs into the address that a client is created with
 */
export function defineSocket<const Url extends string, const Schema extends SocketSchema> (
  url: Url & LiteralUrl<Url>, schema: Schema & KnownKeys<Schema>
): SocketContract<Url, Schema> {
  return { method: 'GET', url, ws: true, schema }
}
