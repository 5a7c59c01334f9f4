import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type {
  AnnouncedPlace, Backplane, BackplaneDriver, BackplaneEvents, BackplaneMessage, BackplaneStatus, BaseSocket, Beginning,
  CloseInfo, CloseMessage, DeclareTopic, DeflateOptions, DrainOptions, DualRouteOption, ErrorMessage, HandshakeMessage,
  HeartbeatOptions, HistoryOptions, InjectedSocket, InjectWS, InjectWSContractOptions, InjectWSOptions, InjectWSRefused, InvalidMessageError, Jsonified,
  LimitOptions, Member, MessageInMessage, MessageOf, MessageOutMessage, OpenMessage, OriginPolicy, OutgoingMessage, Place,
  PluginOptions, Position, PreparedMessage, PresenceChange, PresenceOptions, Published, PublishMessage, PublishOptions,
  ReadMessages, ReceiveData, Recorded, RefusalMessage, Retention, SendData, SendOf, SingleTopic, Socket, SocketEvents,
  SocketFigures, SocketHandler, SocketHandlerOf, SocketListener, SocketOf, SocketOptions, SocketRouteOption, SocketSet,
  SocketState, SocketStats, StoredMember, StoredMessage, SubprotocolChoice, SubprotocolPolicy, SubscribedTopic,
  SubscribeMessage, SubscribeOptions, Topic, TopicFigures, TopicOf, TopicOptions, UnsubscribeMessage, UserSockets
} from '../types/index.ts'
import { CloseCode } from './contract/close-code.ts'
import * as errors from './errors.ts'
import { register } from './plugin/plugin.ts'
import { ProtocolError } from './protocol/protocol-error.ts'

/**
 * Adds WebSocket routes (`ws: true`) to the scope it is registered in and to the scopes below it. Decorates the
 * instance with `sockets` and `injectWS`.
 *
 * @param options defaults for the routes of the scope
 */
function sockets (app: FastifyInstance, options: PluginOptions): Promise<void> {
  return register(app, options)
}

// Declares the properties below to TypeScript. Function and namespace share a name, because require() returns the plugin itself.
declare namespace sockets {
  export { sockets as default, sockets, CloseCode, errors, ProtocolError }
  export type {
    AnnouncedPlace, Backplane, BackplaneDriver, BackplaneEvents, BackplaneMessage, BackplaneStatus, BaseSocket, Beginning,
    CloseInfo, CloseMessage, DeclareTopic, DeflateOptions, DrainOptions, DualRouteOption, ErrorMessage, HandshakeMessage,
    HeartbeatOptions, HistoryOptions, InjectedSocket, InjectWS, InjectWSContractOptions, InjectWSOptions, InjectWSRefused, InvalidMessageError,
    Jsonified, LimitOptions, Member, MessageInMessage, MessageOf, MessageOutMessage, OpenMessage, OriginPolicy, OutgoingMessage,
    Place, PluginOptions, Position, PreparedMessage, PresenceChange, PresenceOptions, Published, PublishMessage, PublishOptions,
    ReadMessages, ReceiveData, Recorded, RefusalMessage, Retention, SendData, SendOf, SingleTopic, Socket, SocketEvents,
    SocketFigures, SocketHandler, SocketHandlerOf, SocketListener, SocketOf, SocketOptions, SocketRouteOption, SocketSet,
    SocketState, SocketStats, StoredMember, StoredMessage, SubprotocolChoice, SubprotocolPolicy, SubscribedTopic,
    SubscribeMessage, SubscribeOptions, Topic, TopicFigures, TopicOf, TopicOptions, UnsubscribeMessage, UserSockets
  }
}

fp(sockets, { fastify: '5.x', name: 'fastify-sockets' })
Object.assign(sockets, { default: sockets, sockets, CloseCode, errors, ProtocolError })

export = sockets
