import type { BaseSocket } from './base-socket.ts'

/**
 * Where a message stands among all that were published to its topic. Opaque: keep it, hand it back as `since`, and compare it
 * with nothing.
 */
export type Position = string

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

export interface PublishOptions {
  /**
   * Who does not get the message: a socket, or the name that it subscribed with (`as`). Once a socket has a name, what leaves it
   * out also leaves out the connections that later have this name.
   */
  except?: string | BaseSocket<any, any>
  /**
   * The socket whose message this is. It counts against `limits.publishesPerSecond` of that socket. Default: the socket in
   * `except`, if there is one.
   */
  from?: BaseSocket<any, any>
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
  /**
   * Whenever `recovered` is false, the last so many messages that the topic has kept come first, behind `begin`, and then everything
   * that follows them. A client that keeps positions takes those of the messages as they come: the `at` that `begin` is told lies
   * behind these. Only with `history`: otherwise `subscribe` rejects with FST_ERR_WS_NO_HISTORY. Default: 0.
   */
  recent?: number | undefined
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
export interface Topic<Params = any, Message = any, Info = any, Kept = Message> extends AnyTopic {
  /**
   * Publishes a message to everybody who is subscribed. Resolves when it has its place in the order of the topic and, with a
   * history, is kept; not when it has been delivered. A rejection that nobody waits for is logged.
   *
   * Rejects with FST_ERR_WS_TOPIC_PARAMS, FST_ERR_WS_INVALID_PUBLISH, FST_ERR_WS_TOPIC_NOT_READY before the app is ready,
   * and with FST_ERR_WS_NOT_OPEN if `limits.publishesPerSecond` has ended the connection of the socket that publishes.
   */
  publish (params: Params, message: Message, options?: PublishOptions): Promise<Published>
  /**
   * The last messages as subscribers get them, each with its position, the oldest first. Only with `history`.
   *
   * @param options `limit`: at most so many; default all
   */
  history (params: Params, options?: { limit?: number }): Promise<Array<Recorded<Kept>>>
  /** Who is subscribed. Only with `presence`. */
  members (params: Params): Promise<Array<Member<Info>>>
  /** How many members there are. Only with `presence`. */
  count (params: Params): Promise<number>
  /** Exists only in types. */
  readonly [kinds]?: [Params, Message, Info, Kept]
}

/** A topic whose URL has no parameters. */
export interface SingleTopic<Message = any, Info = any, Kept = Message> extends AnyTopic {
  /** @see Topic.publish */
  publish (message: Message, options?: PublishOptions): Promise<Published>
  /** @see Topic.history */
  history (options?: { limit?: number }): Promise<Array<Recorded<Kept>>>
  /** @see Topic.members */
  members (): Promise<Array<Member<Info>>>
  /** @see Topic.count */
  count (): Promise<number>
  /** Exists only in types. */
  readonly [kinds]?: [Message, Info, Kept]
}

/** A message of a topic's history. */
export interface Recorded<Message> {
  /** As subscribers get it: with its position, if it carries one. */
  readonly message: Message
  readonly at: Position
}

/** Exists only in types. */
declare const kinds: unique symbol

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
   * Nothing of the topic is delivered after this call. What was published before it still is, unless the socket is too slow and
   * has yet to read it from the history.
   *
   * @returns whether the socket was subscribed
   */
  unsubscribe (topic: string | SingleTopic): boolean
  unsubscribe<Params> (topic: Topic<Params>, params: NoInfer<Params>): boolean
}
