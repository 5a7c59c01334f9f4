import '../types/fastify.ts'
import { plugin } from './plugin/plugin.ts'

export { plugin as default, plugin as sockets, plugin as 'module.exports' }
export * as errors from './errors.ts'
export { CloseCode } from './protocol/close-code.ts'
export { ProtocolError } from './protocol/protocol-error.ts'
export type {
  CloseMessage, ErrorMessage, HandshakeMessage, MessageInMessage, MessageOutMessage, OpenMessage, RefusalMessage
} from '../types/diagnostics.ts'
export type { InjectWSOptions, InjectWSRefused } from '../types/inject.ts'
export type {
  DeflateOptions, DrainOptions, HeartbeatOptions, InvalidMessageError, LimitOptions, OriginPolicy, PluginOptions, SocketOptions
} from '../types/options.ts'
export type {
  DualRouteOption, InjectedSocket, MessageOf, SendOf, SocketHandler, SocketRouteOption
} from '../types/route.ts'
export type {
  BaseSocket, CloseInfo, ReceiveData, SendData, Socket, SocketEvents, SocketFigures, SocketListener, SocketSet,
  SocketState, SocketStats
} from '../types/socket.ts'
