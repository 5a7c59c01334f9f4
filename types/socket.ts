import type { FastifyRequest } from 'fastify'
import type { BaseSocket, PreparedMessage, Preparable, ReceiveData, SendData } from './base-socket.ts'
import type { Published, PublishOptions, Subscriber } from './topics.ts'

export type * from './base-socket.ts'

/** The socket that a route's handler gets. */
export interface Socket<Receive = ReceiveData, Send = SendData, Request = FastifyRequest>
  extends BaseSocket<Receive, Send>, Subscriber {
  /** The request of the handshake, as the hooks left it. */
  readonly request: Request
  /** The address of the TCP peer; `request.ip` is the one that `trustProxy` finds. */
  readonly remoteAddress: string
}

/** Figures of the connections of a scope or a route. Counters count from the start. */
export interface SocketFigures {
  /** Connections that are open or closing. */
  open: number
  /** Of these, connections that are not being read now: because of a slow handler, a limit, or a large compressed message. */
  paused: number
  /** Bytes that wait to be written to the open connections. */
  bufferedAmount: number
  /** Handshakes that became connections. */
  opened: number
  /** Handshakes that were refused, or whose client left before the answer. */
  refused: number
  /** Connections that have ended. */
  closed: number
  messagesIn: number
  messagesOut: number
  /** Messages that were dropped because the peer read too slowly. */
  dropped: number
  bytesIn: number
  bytesOut: number
}

/** The figures of `app.sockets.stats()`. */
export interface SocketStats extends SocketFigures {
  /** The same figures for each route, by its URL, such as `/rooms/:room`. */
  routes: Record<string, SocketFigures>
  /** By the URL of declared topics, such as `/rooms/:room`; '' has those of names that were not declared. */
  topics: Record<string, TopicFigures>
}

/** Figures of a topic, for all values of its parameters. Counters count from the start. */
export interface TopicFigures {
  /** Topics that somebody is subscribed to. */
  topics: number
  subscriptions: number
  published: number
  /** Messages that a subscriber missed because it read too slowly. */
  dropped: number
  /** Subscriptions that began with everything that the client had missed. */
  recovered: number
  /** Times that a subscriber could not be given what it had missed. */
  lost: number
}

/** How the backplane is at present. */
export interface BackplaneStatus {
  /** Such as `redis`. */
  readonly name: string
  /** `down` as long as it cannot be reached, or does not announce every topic yet. */
  readonly state: 'up' | 'down'
  /** Milliseconds that a message of this process takes to come back to it, as last measured; null: not known. */
  readonly lag: number | null
}

/** The sockets of one user, as `identify` tells them apart. */
export interface UserSockets extends Iterable<Socket<unknown, unknown>> {
  readonly id: string
  /** How many there are in this process. */
  readonly size: number
  /**
   * Sends a message to each of them in all processes, as each route's `schema.send` says. Every process is told: to send a
   * user very many messages, have their sockets subscribe to a topic instead.
   *
   * Rejects with FST_ERR_WS_BACKPLANE if other processes cannot be told; those of this one have got it then.
   */
  send (message: unknown): Promise<void>
  /**
   * Closes each of them in all processes, and those whose handshake is under way once `identify` has been called for it.
   *
   * Rejects with FST_ERR_WS_BACKPLANE if other processes cannot be told; those of this one are closed then.
   *
   * @param code default 1000
   * @throws {FST_ERR_WS_CLOSE_CODE | FST_ERR_WS_CLOSE_REASON}
   */
  close (code?: number, reason?: string): Promise<void>
}

/** `app.sockets`: the connections of the plugin's scope that have not ended yet. */
export interface SocketSet extends Iterable<Socket<unknown, unknown>> {
  readonly size: number
  /** Null without the option `backplane`. */
  readonly backplane: BackplaneStatus | null
  /**
   * Prepares a message for many sockets, on any routes. It is serialized once for each `schema.send`, framed once, and
   * compressed once for all connections without context takeover. That happens at the first `send()`: do not change the
   * value before. If the value does not fit a route's schema, each `send()` throws.
   */
  prepare<const Value extends Preparable> (value: Value): PreparedMessage<Value>
  /**
   * Publishes to a name that was not declared: each route makes of the value what its `send()` would.
   *
   * Rejects with FST_ERR_WS_TOPIC_NAME, and with what `send()` would throw.
   */
  publish (name: string, message: unknown, options?: PublishOptions): Promise<Published>
  /**
   * Sends a message to every open connection of the scope, in all processes, as each route's `schema.send` says.
   *
   * Rejects with FST_ERR_WS_BACKPLANE if other processes cannot be told.
   */
  broadcast (message: unknown): Promise<void>
  /** The connections of a user, as the option `identify` tells them apart. */
  user (id: string): UserSockets
  stats (): SocketStats
}
