import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyInstance, FastifyRequest, FastifySchema, FastifyTypeProvider,
  FastifyTypeProviderDefault, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerBase, RawServerDefault,
  RouteGenericInterface
} from 'fastify'
import type { SocketOptions } from './options.ts'
import type { BaseSocket, ReceiveData, SendData, Socket } from './socket.ts'

/** What `'message'` yields: from the type arguments of the route, else from `schema.message`, else raw data. */
export type MessageOf<TypeProvider extends FastifyTypeProvider, Schema, RouteGeneric = unknown> =
  RouteGeneric extends { Message: infer Message } ? Message
    : Schema extends { message: infer MessageSchema } ? (TypeProvider & { schema: MessageSchema })['validator']
      : ReceiveData

/** What `send()` takes: from the type arguments of the route, else from `schema.send`, else raw data. */
export type SendOf<TypeProvider extends FastifyTypeProvider, Schema, RouteGeneric = unknown> =
  RouteGeneric extends { Send: infer Send } ? Send
    : Schema extends { send: infer SendSchema } ? (TypeProvider & { schema: SendSchema })['serializer']
      : SendData

/** The other end of a route's socket: it sends what the route receives. */
export type InjectedSocket<TypeProvider extends FastifyTypeProvider, Schema, RouteGeneric = unknown> = BaseSocket<
  Schema extends { send: unknown } ? SendOf<TypeProvider, Schema, RouteGeneric>
    : RouteGeneric extends { Send: infer Send } ? Send : ReceiveData,
  Schema extends { message: unknown } ? MessageOf<TypeProvider, Schema, RouteGeneric>
    : RouteGeneric extends { Message: infer Message } ? Message : SendData
>

/** The handler of a `ws` route. `this` is the Fastify instance; what it returns is ignored, what it throws goes to `onError`. */
export type SocketHandler<
  RawServer extends RawServerBase = RawServerDefault,
  RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
  RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
  RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
  ContextConfig = ContextConfigDefault,
  SchemaCompiler extends FastifySchema = FastifySchema,
  TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
  Logger extends FastifyBaseLogger = FastifyBaseLogger
> = (
  this: FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>,
  socket: Socket<
    MessageOf<TypeProvider, SchemaCompiler, RouteGeneric>,
    SendOf<TypeProvider, SchemaCompiler, RouteGeneric>,
    FastifyRequest<RouteGeneric, RawServer, RawRequest, SchemaCompiler, TypeProvider, ContextConfig, Logger>
  >,
  request: FastifyRequest<RouteGeneric, RawServer, RawRequest, SchemaCompiler, TypeProvider, ContextConfig, Logger>
) => unknown

/** `ws: true`, or the options of this one route; its handler is the route's handler. */
export type SocketRouteOption = true | (SocketOptions & { handler?: never })

/** `ws: { handler }`: the route's own handler then serves plain HTTP requests to the same URL. */
export interface DualRouteOption<Handler> extends SocketOptions {
  handler: Handler
}
