import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyTypeProvider, FastifyTypeProviderDefault, RawReplyDefaultExpression,
  RawRequestDefaultExpression, RawServerBase, RawServerDefault, RouteHandlerMethod, RouteOptions, RouteShorthandOptions
} from 'fastify'
import type { InjectWSOptions } from './inject.ts'
import type { DualRouteOption, InjectedSocket, SocketHandler, SocketRouteOption } from './route.ts'
import type { SocketSet } from './socket.ts'

declare module 'fastify' {
  interface FastifySchema {
    /** On a `ws` route: what the client may send, as JSON. */
    message?: unknown
    /** On a `ws` route: what `socket.send()` sends, as JSON. */
    send?: unknown
  }

  interface RouteGenericInterface {
    /** On a `ws` route: the type of its messages, where no schema gives it. */
    Message?: unknown
    /** On a `ws` route: the type that `socket.send()` takes, where no schema gives it. */
    Send?: unknown
  }

  interface FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider> {
    /** The connections of this scope that have not ended yet. */
    sockets: SocketSet

    /**
     * Connects to a `ws` route in memory, with no port, through the whole lifecycle, and resolves with the client's end.
     * Name the route's schema (`app.injectWS<typeof schema>(url)`) to have its types, mirrored.
     *
     * @throws {FST_ERR_WS_INJECT_REFUSED} with `statusCode`, `headers` and `body` of the response
     * @throws {FST_ERR_WS_INJECT_HIJACKED} a hook has sent a 101 of its own
     * @throws {FST_ERR_WS_INJECT_UNANSWERED} the connection was cut, or a minute has passed beyond all time limits
     */
    injectWS<Schema = {}, RouteGeneric = unknown> (
      url: string, options?: InjectWSOptions
    ): Promise<InjectedSocket<TypeProvider, Schema, RouteGeneric>>

    route<
      RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
      ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends FastifySchema = FastifySchema
    > (
      opts: Omit<RouteOptions<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>, 'handler' | 'method'> & {
        method: 'GET' | 'get'
        ws: SocketRouteOption
        handler: SocketHandler<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>
      }
    ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>

    route<
      RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
      ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends FastifySchema = FastifySchema
    > (
      opts: Omit<RouteOptions<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>, 'method'> & {
        method: 'GET' | 'get'
        ws: DualRouteOption<SocketHandler<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>>
      }
    ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>
  }

  interface RouteShorthandMethod<
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
    Logger extends FastifyBaseLogger = FastifyBaseLogger
  > {
    <RouteGeneric extends RouteGenericInterface = RouteGenericInterface, ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends FastifySchema = FastifySchema>(
      path: string,
      opts: RouteShorthandOptions<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger> & {
        ws: SocketRouteOption
      },
      handler: SocketHandler<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>
    ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>

    <RouteGeneric extends RouteGenericInterface = RouteGenericInterface, ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends FastifySchema = FastifySchema>(
      path: string,
      opts: RouteShorthandOptions<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger> & {
        ws: SocketRouteOption
        handler: SocketHandler<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>
      }
    ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>

    <RouteGeneric extends RouteGenericInterface = RouteGenericInterface, ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends FastifySchema = FastifySchema>(
      path: string,
      opts: RouteShorthandOptions<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger> & {
        ws: DualRouteOption<SocketHandler<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>>
      },
      handler: RouteHandlerMethod<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>
    ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>
  }
}
