import type { ConnectionEvents, RedisConnection, RedisLink, Reply, Role } from './link.ts'

/** What is used of a client that `createClient` of @redis/client has made. */
export interface NodeRedisClient {
  readonly isReady: boolean
  /** Before version 6, undefined where `createClient` was given none. */
  readonly options?: object
  duplicate (options: object): NodeRedisClient
  connect (): Promise<unknown>
  destroy (): unknown
  on (event: 'error', listener: (error: Error) => void): unknown
  on (event: 'connect' | 'end', listener: () => void): unknown
  on (event: 'sharded-channel-moved', listener: (channel: string) => void): unknown
  sendCommand (command: Array<string | Buffer>): Promise<unknown>
  subscribe (channels: string[], listener: Listener, inBuffers: true): Promise<unknown>
  unsubscribe (channels: string[], listener: Listener, inBuffers: true): Promise<unknown>
  sSubscribe (channels: string[], listener: Listener, inBuffers: true): Promise<unknown>
  sUnsubscribe (channels: string[], listener: Listener, inBuffers: true): Promise<unknown>
}

type Listener = (bytes: Buffer, channel: Buffer) => void

/**
 * What the server has to say as the values that we want, by the first byte of each kind of reply: `$`, `+`, `=`, `%` and `~`. Our
 * scripts answer with nothing else that only RESP3 has.
 */
const TYPES = { 36: Buffer, 43: Buffer, 61: Buffer, 37: Array, 126: Array }

/** `createClient` of @redis/client, 5 or 6. */
export class NodeRedisLink implements RedisLink {
  readonly name = '@redis/client'
  readonly #client: NodeRedisClient

  constructor (client: NodeRedisClient) {
    this.#client = client
  }

  async connect (_: Role, events: ConnectionEvents, signal: AbortSignal): Promise<RedisConnection> {
    signal.throwIfAborted()
    const client = this.#client.duplicate(overridesOf(this.#client.options))
    await connected(client, signal)
    const connection = new NodeRedisConnection(client, events)
    const onAbort = (): void => { connection.destroy() }
    signal.addEventListener('abort', onAbort)
    try {
      // While it loads its data, it answers with an error.
      await connection.send(0, ['PING'])
    } catch (error) {
      connection.destroy()
      throw signal.aborted ? signal.reason : error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
    return connection
  }
}

/**
 * What makes a client one that is used once. In RESP3 what was published cannot be taken for a reply, and new credentials can be given
 * to a connection that is subscribed.
 *
 * @param options those of the user
 */
export function overridesOf (options: { socket?: object } | undefined): Record<string, unknown> & { socket: object } {
  return {
    socket: { ...options?.socket, reconnectStrategy: false, socketTimeout: undefined },
    RESP: 3,
    disableOfflineQueue: true,
    commandsQueueMaxLength: undefined,
    // It would be a timer for each command, which only ends the waiting for its turn to be written.
    commandOptions: { timeout: undefined, typeMapping: TYPES },
    pingInterval: undefined,
    keyPrefix: undefined,
    readonly: false,
    clientSideCache: undefined,
    emitInvalidate: undefined,
    maintNotifications: 'disabled'
  }
}

/**
 * Connects a client. A client that is destroyed while its socket connects goes on all the same, and one before version 6.1 can
 * then not be destroyed any more; so that is waited for, which takes as long as its `connectTimeout` at most.
 */
async function connected (client: NodeRedisClient, signal: AbortSignal): Promise<void> {
  let hasSocket = false
  client.on('error', () => {})
  client.on('connect', () => {
    hasSocket = true
    if (signal.aborted) destroy(client)
  })
  const onAbort = (): void => { if (hasSocket) destroy(client) }
  signal.addEventListener('abort', onAbort)
  const connecting = client.connect()
  // After the signal nobody is left who would hear of it.
  connecting.then(() => { if (signal.aborted) destroy(client) }, () => {})
  try {
    await Promise.race([connecting, rejectedBy(signal)])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Rejects when the signal is aborted.
 *
 * @param signal not aborted yet
 */
export function rejectedBy (signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => { reject(signal.reason as Error) }, { once: true })
  })
}

/** Before version 6.1 it throws if it has ended by itself. */
export function destroy (client: { destroy (): unknown }): void {
  try {
    client.destroy()
  } catch {}
}

/** A connection to one server. */
export class NodeRedisConnection implements RedisConnection {
  readonly isCluster = false
  /** A cluster, of which this is one server, says whether SSUBSCRIBE is used. */
  isSharded = false
  readonly #client: NodeRedisClient
  /** Null: lost or destroyed. */
  #events: ConnectionEvents | null

  /**
   * @param client connected
   * @throws if it no longer is
   */
  constructor (client: NodeRedisClient, events: ConnectionEvents) {
    this.#client = client
    this.#events = events
    client.on('error', this.#onLost)
    client.on('end', this.#onLost)
    // The server has unsubscribed us from a channel, because its slot is no longer here.
    client.on('sharded-channel-moved', (channel: string) => {
      this.#onLost(new Error(`the slot of ${channel} is on another server`))
    })
    if (!client.isReady) throw new Error('the connection was lost')
  }

  serverOf (): string {
    return ''
  }

  send (_partition: number, command: ReadonlyArray<string | Uint8Array>): Promise<Reply> {
    // It rejects by itself once the connection is gone.
    return this.#client.sendCommand(command.map(asArgument)) as Promise<Reply>
  }

  async subscribe (_partition: number, channels: readonly string[]): Promise<void> {
    this.#mustBeThere()
    if (!this.isSharded) {
      await this.#client.subscribe([...channels], this.#onMessage, true)
      return
    }
    // A channel that the server takes from us is counted as one of those that are asked for, and the answer then comes too soon.
    // The PING is answered behind all of them, whatever was counted.
    await Promise.all([
      this.#client.sSubscribe([...channels], this.#onMessage, true),
      this.#client.sendCommand(['PING'])
    ])
  }

  async unsubscribe (_partition: number, channels: readonly string[]): Promise<void> {
    this.#mustBeThere()
    if (this.isSharded) await this.#client.sUnsubscribe([...channels], this.#onMessage, true)
    else await this.#client.unsubscribe([...channels], this.#onMessage, true)
  }

  destroy (): void {
    this.#events = null
    destroy(this.#client)
  }

  /** Without a connection, the library would keep what is subscribed to for the next one. */
  #mustBeThere (): void {
    if (this.#events === null) throw new Error('the connection is gone')
  }

  readonly #onMessage = (bytes: Buffer, channel: Buffer): void => {
    this.#events?.onMessage(channel.toString(), bytes)
  }

  readonly #onLost = (error: Error = new Error('the connection was closed')): void => {
    const events = this.#events
    this.#events = null
    events?.onLost(error)
  }
}

/** The library takes no other arrays of bytes. */
function asArgument (argument: string | Uint8Array): string | Buffer {
  if (typeof argument === 'string' || Buffer.isBuffer(argument)) return argument
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
}
