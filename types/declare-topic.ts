import type { FastifySchema, FastifyTypeProvider, FastifyTypeProviderDefault } from 'fastify'
import type { SendData } from './base-socket.ts'
import type { Socket } from './socket.ts'
import type { PresenceChange, SingleTopic, Topic } from './topics.ts'

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

/** The parameters that a URL names. */
export type ParamsOf<Url extends string> = Url extends `${infer Start}/${infer Rest}`
  ? ParamOf<Start> & ParamsOf<Rest>
  : ParamOf<Url>

type ParamOf<Segment extends string> = Segment extends `:${infer Name}` ? { [Key in Name]: string | number } : {}

/** A prefix may have parameters as well; then `schema.params` tells of them. */
type HasParams<Url extends string, Schema> = Schema extends { params: unknown } ? true : Url extends `${string}/:${string}` ? true : false

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
> = HasParams<Url, Schema> extends true
  ? Topic<TopicParams<Url, Schema, TypeProvider>, TopicMessage<Schema, TypeProvider, Position>, Info, TopicMessage<Schema, TypeProvider>>
  : SingleTopic<TopicMessage<Schema, TypeProvider, Position>, Info, TopicMessage<Schema, TypeProvider>>

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
