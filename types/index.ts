import './fastify.ts'

export type {
  AnnouncedPlace, Backplane, BackplaneDriver, BackplaneEvents, OutgoingMessage, Place, ReadMessages, Retention, StoredMember,
  StoredMessage, SubscribedTopic
} from './backplane.ts'
export type {
  BackplaneMessage, CloseMessage, ErrorMessage, HandshakeMessage, MessageInMessage, MessageOutMessage, OpenMessage, PublishMessage, RefusalMessage,
  SubscribeMessage, UnsubscribeMessage
} from './diagnostics.ts'
export type { InjectedSocket, InjectWS, InjectWSContractOptions, InjectWSOptions, InjectWSRefused, Jsonified } from './inject.ts'
export type {
  DeflateOptions, DrainOptions, HeartbeatOptions, InvalidMessageError, LimitOptions, OriginPolicy, PluginOptions, SocketOptions,
  SubprotocolChoice, SubprotocolPolicy
} from './options.ts'
export type {
  DualRouteOption, MessageOf, SendOf, SocketHandler, SocketHandlerOf, SocketOf, SocketRouteOption
} from './route.ts'
export type {
  BackplaneStatus, BaseSocket, CloseInfo, PreparedMessage, ReceiveData, SendData, Socket, SocketEvents, SocketFigures,
  SocketListener, SocketSet, SocketState, SocketStats, TopicFigures, UserSockets
} from './socket.ts'
export type { DeclareTopic, HistoryOptions, PresenceOptions, TopicOf, TopicOptions } from './declare-topic.ts'
export type {
  Beginning, Member, Position, PresenceChange, Published, PublishOptions, Recorded, SingleTopic, SubscribeOptions, Topic
} from './topics.ts'
