/**
 * What the driver needs of a client library. A connection is used once: the driver replaces one that has ended, decides how
 * often it tries, and subscribes anew. So a link switches off whatever its library does of that kind by itself: reconnecting,
 * offline queues, resending, resubscribing, timeouts of commands, prefixes of keys, following of redirections.
 */
export interface RedisLink {
  /** The client library, for errors and logs: `ioredis`. */
  readonly name: string

  /**
   * Makes a new connection with the address, credentials and TLS of the user's client, which itself is left alone. For a cluster,
   * a connection is one to each of the masters.
   *
   * @param role the subscribed connection is asked for `subscribe` and `unsubscribe` only, the other one never for them
   * @returns when it can be used: the server has accepted us and has loaded its data. There is no need to watch the time, because
   * `signal` is aborted if it takes too long; the connection is then destroyed, however far it has come, and this rejects
   */
  connect (role: Role, events: ConnectionEvents, signal: AbortSignal): Promise<RedisConnection>
}

export type Role = 'commands' | 'subscribed'

/** Called only after `connect` has resolved and before `destroy`. */
export interface ConnectionEvents {
  /** In the order in which they arrive. Does not throw. The bytes are not used again by the link. */
  onMessage (channel: string, bytes: Buffer): void
  /**
   * Called once, when the connection is lost. In a cluster also when any of its masters is, or when its slots are elsewhere than
   * they were: a failover, or an answer MOVED, ASK or CLUSTERDOWN. The driver then destroys the connection.
   */
  onLost (error: Error): void
}

/** An answer of the server. Every string is a Buffer, of RESP3 nothing but what RESP2 has as well. */
export type Reply = Buffer | number | null | Reply[]

/** One connection to a server, or to the masters of a cluster. */
export interface RedisConnection {
  /** Whether only keys of one partition may be in the same command. */
  readonly isCluster: boolean
  /** Whether SSUBSCRIBE and SPUBLISH are to be used: it is a cluster whose servers have them (Redis 7). */
  readonly isSharded: boolean

  /**
   * Which server a partition is on, as any text that stays the same for the life of the connection: '' if there is only one.
   *
   * @param partition the number in braces in each key and channel, which decides about the slot: of `ws:{12}:m:news` it is 12
   */
  serverOf (partition: number): string

  /**
   * Sends a command, behind those that were sent before it to the same server, and in the same turn of the event loop.
   *
   * @param partition that of its keys: says which server it is for, where it has no keys (such as SCRIPT LOAD) as well
   * @returns rejects with what the server answers (the code begins the message: `NOSCRIPT …`), and, if the connection is lost or
   * destroyed, at once
   */
  send (partition: number, command: ReadonlyArray<string | Uint8Array>): Promise<Reply>

  /**
   * With SSUBSCRIBE if `isSharded`, otherwise SUBSCRIBE, in one command.
   *
   * @param partition that of all these channels, if it is a cluster
   * @param channels at least one and at most 1,000, all different
   * @returns when the server has confirmed all of them
   */
  subscribe (partition: number, channels: readonly string[]): Promise<void>
  /** As `subscribe`. Commands of both kinds are sent in the order of the calls, so the last one for a channel counts. */
  unsubscribe (partition: number, channels: readonly string[]): Promise<void>

  /** Ends it at once, whatever waits to be written or answered. No events any more. May be called several times. */
  destroy (): void
}
