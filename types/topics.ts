import type { FastifySchema, FastifyTypeProvider, FastifyTypeProviderDefault } from 'fastify'
import type { SendData, Socket } from './socket.ts'

/**
 * Where a message stands among all that were published to its topic. Opaque: keep it, hand it back as `since`, and compare it
 * with nothing.
 */
export type Position = string

/** How a topic keeps its last messages. */
export interface HistoryOptions<Property extends string = string> {
  /** At most this many messages. */
  size: number
  /** Milliseconds for which they are kept, counted from the last message. */
  ttl: number
  /**
   * The property of each message that its position is put into: clients send the last one that they saw as `since`.
   * `schema.message` must describe objects with this property, as a string. Default none: then only `publish()` and
   * `begin` tell positions.
   */
  position?: Property
}

/** Who is subscribed to a topic. */
export interface Member<Info = unknown> {
  /** What `identify` returned, or else the socket's id. */
  readonly id: string
  /** What the topic's `presence` told of the socket. */
  readonly info: Info
}

/** A member has come, or has been gone for the grace period. */
export interface PresenceChange<Info = unknown> {
  readonly type: 'joined' | 'left'
  readonly member: Member<Info>
}

export interface PresenceOptions<Info = unknown, Message = any> {
  /** What the others learn of a member; default nothing. It is called when a socket subscribes. */
  info?: (socket: Socket<any, any>) => Info
  /** Milliseconds that a member may be away, as while a page is loaded again, without having left. Default 5 s. */
  grace?: number
  /** The message that tells of a change. It is published to the topic. Default: changes are not published. */
  announce?: (change: PresenceChange<Info>) => Message
}

/** Options of `app.topic(url, {…})`. */
export interface TopicOptions<Schema = unknown, Message = any, Info = unknown, Position extends string = string> {
  /**
   * `params`: what stands in the URL, validated when somebody subscribes or publishes. `message`: what is published, and
   * what subscribers get. Without it, a message is for each socket what `send()` would make of it: raw data, or by the
   * `schema.send` of its route.
   */
  schema?: Schema
  /** Default none: a message is for those who are subscribed. */
  history?: HistoryOptions<Position>
  /** Whether the topic knows its members: `true`, a function that describes a socket to the others, or options. */
  presence?: true | ((socket: Socket<any, any>) => Info) | PresenceOptions<Info, Message>
  /**
   * What happens to a subscriber for whom more than `highWaterMark` bytes wait already. `'close'`: it is closed with 1013.
   * `'drop'`: it misses messages. `'latest'`: it gets the newest message of the topic once it has read the others.
   * `'catch-up'`: it reads the topic's history at its own pace, and misses nothing as long as the history reaches back far
   * enough. Default: as with `send()`, that is, the route's `maxBuffered` and `overflow`.
   */
  overflow?: 'close' | 'drop' | 'latest' | 'catch-up'
}

export interface PublishOptions {
  /**
   * Who does not get the message: a socket, or the name that it subscribed with (`as`). Once a socket has a name, what leaves it
   * out also leaves out the connections that later have this name.
   */
  except?: string | Socket<any, any>
  /**
   * The socket whose message this is. It counts against `limits.publishesPerSecond` of that socket. Default: the socket in
   * `except`, if there is one.
   */
  from?: Socket<any, any>
  /**
   * Makes publishing again idempotent: as long as a message with the same id is in the topic's history, nothing is published,
   * and the answer is that message's. Needs `history`.
   */
  id?: string
}

export interface Published {
  /** The position of the message. */
  readonly at: Position
}

/** How a subscription begins. */
export interface Beginning {
  /** Whether everything that was published after `since` comes now, in order and once. False without `since`. */
  readonly recovered: boolean
  /** Everything that is published after this position will arrive. */
  readonly at: Position
}

export interface SubscribeOptions {
  /** The position of the last message that the client has. Text from a client is fine: what is no position is not found. */
  since?: Position | undefined
  /** A name that outlives the connection: see `except`. Default: the socket has none. */
  as?: string | undefined
  /**
   * Called before the first message is delivered, which waits until it has ended: send a snapshot here. It is called again,
   * with `recovered: false`, if messages are lost for a subscriber: it has fallen too far behind for the topic's history.
   * Without it, the connection is then closed with 1013.
   */
  begin?: (beginning: Beginning) => unknown
}

/** What all topics have in common. */
interface AnyTopic {
  /** Its URL as it was declared, with the prefix of its instance: `/rooms/:room`. */
  readonly url: string
}

/** A topic whose URL has parameters: one for each of their values. */
export interface Topic<Params = any, Message = any, Info = any> extends AnyTopic {
  /**
   * Publishes a message to everybody who is subscribed. Resolves when it has its place in the order of the topic and, with a
   * history, is kept; not when it has been delivered. A rejection that nobody waits for is logged.
   *
   * Rejects with FST_ERR_WS_TOPIC_PARAMS, FST_ERR_WS_INVALID_PUBLISH, FST_ERR_WS_TOPIC_NOT_READY before the app is ready,
   * FST_ERR_WS_OVER_RATE.
   */
  publish (params: Params, message: Message, options?: PublishOptions): Promise<Published>
  /**
   * The last messages, the oldest first. Only with `history`.
   *
   * @param options `limit`: at most so many; default all
   */
  history (params: Params, options?: { limit?: number }): Promise<Array<Recorded<Message>>>
  /** Who is subscribed. Only with `presence`. */
  members (params: Params): Promise<Array<Member<Info>>>
  /** How many members there are. Only with `presence`. */
  count (params: Params): Promise<number>
  /** Exists only in types. */
  readonly [kinds]?: [Params, Message, Info]
}

/** A topic whose URL has no parameters. */
export interface SingleTopic<Message = any, Info = any> extends AnyTopic {
  /** @see Topic.publish */
  publish (message: Message, options?: PublishOptions): Promise<Published>
  /** @see Topic.history */
  history (options?: { limit?: number }): Promise<Array<Recorded<Message>>>
  /** @see Topic.members */
  members (): Promise<Array<Member<Info>>>
  /** @see Topic.count */
  count (): Promise<number>
  /** Exists only in types. */
  readonly [kinds]?: [Message, Info]
}

/** A message of a topic's history. */
export interface Recorded<Message> {
  readonly message: Message
  readonly at: Position
}

/** Exists only in types. */
declare const kinds: unique symbol

/** The sockets of one user, as `identify` tells them apart. */
export interface UserSockets extends Iterable<Socket<unknown, unknown>> {
  readonly id: string
  /** How many there are. */
  readonly size: number
  /** Sends a message to each of them, as each route's `schema.send` says. */
  send (message: unknown): Promise<void>
  /**
   * Closes each of them, and those whose handshake is under way once `identify` has been called for it.
   *
   * @param code default 1000
   * @throws {FST_ERR_WS_CLOSE_CODE | FST_ERR_WS_CLOSE_REASON}
   */
  close (code?: number, reason?: string): Promise<void>
}

/** How a socket subscribes. */
export interface Subscriber {
  /** The names of what the socket is subscribed to: of declared topics the URL with its parameters, `/rooms/a`. */
  readonly subscriptions: string[]
  /**
   * Subscribes to a topic: to a declared one, or to a name of your own. Ends with the connection. Resolves when `begin` has
   * ended: whatever is published after that arrives. Subscribing again gives the same answer.
   *
   * Rejects with FST_ERR_WS_NOT_OPEN if the connection ends meanwhile (no failure of the handler), FST_ERR_WS_TOPIC_PARAMS,
   * FST_ERR_WS_TOPIC_NAME, FST_ERR_WS_TOO_MANY_SUBSCRIPTIONS, and with what `begin` throws.
   */
  subscribe (topic: string | SingleTopic, options?: SubscribeOptions): Promise<Beginning>
  subscribe<Params> (topic: Topic<Params>, params: NoInfer<Params>, options?: SubscribeOptions): Promise<Beginning>
  /**
   * Nothing of the topic is delivered after this call; what was published before it still is.
   *
   * @returns whether the socket was subscribed
   */
  unsubscribe (topic: string | SingleTopic): boolean
  unsubscribe<Params> (topic: Topic<Params>, params: NoInfer<Params>): boolean
}

/** The parameters that a URL names. */
export type ParamsOf<Url extends string> = Url extends `${infer Start}/${infer Rest}`
  ? ParamOf<Start> & ParamsOf<Rest>
  : ParamOf<Url>

type ParamOf<Segment extends string> = Segment extends `:${infer Name}` ? { [Key in Name]: string | number } : {}

type HasParams<Url extends string> = Url extends `${string}/:${string}` ? true : false

/** The parameters of a topic: from `schema.params`, else from its URL. */
export type TopicParams<Url extends string, Schema, TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault> =
  Schema extends { params: infer ParamsSchema } ? (TypeProvider & { schema: ParamsSchema })['validator'] : ParamsOf<Url>

/** What is published to a topic: from `schema.message`, without the position; else raw data or a value for `schema.send`. */
export type TopicMessage<Schema, TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault, Position extends string = never> =
  Schema extends { message: infer MessageSchema } ? Without<(TypeProvider & { schema: MessageSchema })['serializer'], Position>
    : SendData | object

/** Distributes over a union. */
type Without<Message, Key extends string> = [Key] extends [never] ? Message : Message extends unknown ? Omit<Message, Key> : never

/** What `app.topic()` returns. */
export type TopicOf<
  Url extends string, Schema, TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault, Info = unknown, Position extends string = never
> = HasParams<Url> extends true
  ? Topic<TopicParams<Url, Schema, TypeProvider>, TopicMessage<Schema, TypeProvider, Position>, Info>
  : SingleTopic<TopicMessage<Schema, TypeProvider, Position>, Info>

/** `app.topic`. */
export interface DeclareTopic<TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault> {
  /**
   * Declares a topic, or one for each value of its parameters (`/rooms/:room`), as a route is declared: before the app is
   * ready, in the scope of a registration of the plugin, with the prefix of the instance, and with its schema compilers.
   *
   * @throws {FST_ERR_WS_OPTION | FST_ERR_WS_UNKNOWN_OPTION | FST_ERR_WS_TOPIC_URL}
   */
  <const Url extends string, const Schema extends Pick<FastifySchema, 'params' | 'message'> = {}, Info = unknown, const Position extends string = never> (
    url: Url, options?: TopicOptions<Schema, TopicMessage<Schema, TypeProvider, Position>, Info, Position>
  ): TopicOf<Url, Schema, TypeProvider, Info, Position>
}
