import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyTypeProvider, FastifyTypeProviderDefault } from 'fastify'
import type { SocketContract } from '../lib/contract/define-socket.ts'
import type { OptionsArgument, ParamsFor, Part, QueryFor, WireOf } from '../lib/contract/wire.ts'
import type { BaseSocket, ReceiveData, SendData } from './socket.ts'

export type { Jsonified } from '../lib/contract/jsonified.ts'

/**
 * The client's end of a route's socket: it sends what the route receives, and receives what the route sends, with the types
 * of the wire. Without the route's schema, both are `unknown`.
 */
export type InjectedSocket<
  Schema = unknown,
  TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
  RouteGeneric = unknown
> = Schema extends SocketContract<string, infer Own> ? InjectedSocket<Own, TypeProvider, RouteGeneric> : BaseSocket<
  RouteGeneric extends { Send: infer Send } ? Send
    : Schema extends { send: infer SendSchema } ? WireOf<SendSchema, (TypeProvider & { schema: SendSchema })['serializer']>
      : unknown extends Schema ? unknown : ReceiveData,
  RouteGeneric extends { Message: infer Message } ? Message
    : Schema extends { message: infer MessageSchema } ? WireOf<MessageSchema, (TypeProvider & { schema: MessageSchema })['validator']>
      : unknown extends Schema ? unknown : SendData
>

/** What the handshake of `app.injectWS` carries. */
export interface InjectWSOptions {
  /** Request headers, such as `authorization`, `cookie` or `origin`. */
  headers?: OutgoingHttpHeaders
  /** Subprotocols to offer. */
  protocols?: readonly string[]
}

/** The same for a contract, with what goes into its URL. */
export type InjectWSContractOptions<Contract extends SocketContract, TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault> =
  InjectWSOptions & {
    /** Of the plugin that declares the route. Default none. */
    prefix?: string
  } & Part<'params', ParamsFor<Contract['schema'], Contract['url'], TypeProvider>> & Part<'query', QueryFor<Contract['schema'], TypeProvider>>

/** What `app.injectWS` rejects with when the handshake is refused. Its code is `FST_ERR_WS_INJECT_REFUSED`. */
export interface InjectWSRefused extends Error {
  code: string
  /** The status of the HTTP response. */
  statusCode: number
  headers: IncomingHttpHeaders
  body: string
}

/** `app.injectWS`. */
export interface InjectWS<TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault> {
  /**
   * Connects to the route of a contract: `app.injectWS(chat, { params: { room: 'tea' } })`. Otherwise as below.
   *
   * @throws {FST_ERR_WS_CLIENT_PARAM} a parameter is missing, or no URL can carry it
   */
  <Contract extends SocketContract> (
    contract: Contract,
    ...options: OptionsArgument<InjectWSContractOptions<Contract, TypeProvider>>
  ): Promise<InjectedSocket<Contract['schema'], TypeProvider>>
  /**
   * Connects to a `ws` route in memory, without a port, through the whole lifecycle, and resolves with the client's end.
   * Name the route's schema or its contract to get its types, mirrored: `app.injectWS<typeof schema>(url)`. For a route without a
   * schema, write `injectWS<{}>(url)`.
   *
   * @throws {FST_ERR_WS_INJECT_REFUSED} with `statusCode`, `headers` and `body` of the response
   * @throws {FST_ERR_WS_INJECT_HIJACKED} a hook has sent a 101 of its own
   * @throws {FST_ERR_WS_INJECT_UNANSWERED} the connection was cut, or there was no answer within a minute after all time limits
   */
  <Schema = unknown, RouteGeneric = unknown> (
    url: string, options?: InjectWSOptions
  ): Promise<InjectedSocket<Schema, TypeProvider, RouteGeneric>>
}

/**
 * Fastify's instance inherits `injectWS` instead of declaring it, because @fastify/websocket declares it too: where both are
 * installed, that declaration wins.
 */
export interface InjectWSInstance<TypeProvider extends FastifyTypeProvider> {
  injectWS: 'websocketServer' extends keyof FastifyInstance ? any : InjectWS<TypeProvider>
}
