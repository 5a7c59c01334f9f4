import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyInstance, FastifyRequest, FastifySchema, FastifyTypeProvider,
  FastifyTypeProviderDefault, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerBase, RawServerDefault,
  RouteGenericInterface
} from 'fastify'
import type { SocketOptions } from './options.ts'
import type { ReceiveData, SendData, Socket } from './socket.ts'

/** The type of a received message: from the route's type arguments, else from `schema.message`, else raw data. */
export type MessageOf<Schema, TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault, RouteGeneric = unknown> =
  RouteGeneric extends { Message: infer Message } ? Message
    : Schema extends { message: infer MessageSchema } ? (TypeProvider & { schema: MessageSchema })['validator']
      : ReceiveData

/** The type that `send()` takes: from the route's type arguments, else from `schema.send`, else raw data. */
export type SendOf<Schema, TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault, RouteGeneric = unknown> =
  RouteGeneric extends { Send: infer Send } ? Send
    : Schema extends { send: infer SendSchema } ? (TypeProvider & { schema: SendSchema })['serializer']
      : SendData

/**
 * The socket of a route with this schema. It is an interface, so that the compiler works out its types only where a member
 * is used: as type arguments of `Socket`, they cost ten times as much as all of Fastify.
 */
export interface SocketOf<
  Schema,
  TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
  RouteGeneric = unknown,
  Request = FastifyRequest<RouteGenericInterface, RawServerDefault, RawRequestDefaultExpression, Schema & FastifySchema, TypeProvider>
> extends Socket<MessageOf<Schema, TypeProvider, RouteGeneric>, SendOf<Schema, TypeProvider, RouteGeneric>, Request> {}

/** The handler of a `ws` route. `this` is the Fastify instance. What it returns is ignored; what it throws goes to `onError`. */
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
  socket: SocketOf<
    SchemaCompiler, TypeProvider, RouteGeneric,
    FastifyRequest<RouteGeneric, RawServer, RawRequest, SchemaCompiler, TypeProvider, ContextConfig, Logger>
  >,
  request: FastifyRequest<RouteGeneric, RawServer, RawRequest, SchemaCompiler, TypeProvider, ContextConfig, Logger>
) => unknown

/** The handler of a route with this schema, for a file of its own: `SocketHandlerOf<typeof schema, TypeBoxTypeProvider>`. */
export type SocketHandlerOf<
  Schema extends FastifySchema,
  TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
  RawServer extends RawServerBase = RawServerDefault
> = SocketHandler<
  RawServer, RawRequestDefaultExpression<RawServer>, RawReplyDefaultExpression<RawServer>, RouteGenericInterface,
  ContextConfigDefault, Schema, TypeProvider
>

/** The options of a single route: its callbacks get the route's socket and request. */
export interface RouteSocketOptions<
  RawServer extends RawServerBase = RawServerDefault,
  RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
  RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
  ContextConfig = ContextConfigDefault,
  SchemaCompiler extends FastifySchema = FastifySchema,
  TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
  Logger extends FastifyBaseLogger = FastifyBaseLogger
> extends SocketOptions<
    SocketOf<
      SchemaCompiler, TypeProvider, RouteGeneric,
      FastifyRequest<RouteGeneric, RawServer, RawRequest, SchemaCompiler, TypeProvider, ContextConfig, Logger>
    >,
    FastifyRequest<RouteGeneric, RawServer, RawRequest, SchemaCompiler, TypeProvider, ContextConfig, Logger>
  > {}

/** `ws: true`, or options for this one route. The route's handler takes the sockets. */
export type SocketRouteOption<Options = SocketOptions> = true | (Options & { handler?: never })

/** `ws: { handler }`: this handler takes the sockets, and the route's own handler serves plain HTTP requests to the URL. */
export type DualRouteOption<Handler, Options = SocketOptions> = Options & { handler: Handler }
