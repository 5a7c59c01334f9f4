import type { MemberConnection } from './cluster.ts'
import type { ConnectionEvents, RedisLink, Reply, Role } from './link.ts'

/** What is used of a client of ioredis or iovalkey for one server, also one that sentinels name. */
export interface IoRedis {
  duplicate (options: object): IoRedis
  connect (): Promise<unknown>
  disconnect (): void
  callBuffer (name: string, ...args: ReadonlyArray<string | Buffer>): Promise<unknown>
  subscribe (...channels: string[]): Promise<unknown>
  unsubscribe (...channels: string[]): Promise<unknown>
  ssubscribe (...channels: string[]): Promise<unknown>
  sunsubscribe (...channels: string[]): Promise<unknown>
  on (event: 'error' | 'close' | 'moved', listener: (error?: Error) => void): unknown
  on (event: 'messageBuffer' | 'smessageBuffer', listener: (channel: Buffer, bytes: Buffer) => void): unknown
  /** The socket, as soon as there is one. */
  readonly stream?: { destroy (): void } | undefined
}

/** Connections are made by `duplicate` with these, which leave the address, the credentials and TLS as they are. */
const OPTIONS = {
  lazyConnect: true,
  // A connection is used once.
  retryStrategy: () => null,
  reconnectOnError: null,
  sentinelRetryStrategy: () => null,
  // A master that sentinels have replaced acknowledges what will be lost, until they reach it: ten seconds later, or never.
  failoverDetector: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: null,
  // The driver looks at the time.
  commandTimeout: undefined,
  socketTimeout: undefined,
  blockingTimeout: undefined,
  // Replies and keys are as the server has them, and commands go at once.
  keyPrefix: '',
  stringNumbers: false,
  replyMapping: 'legacy',
  enableAutoPipelining: false,
  enableReadyCheck: true,
  readOnly: false,
  role: 'master',
  monitor: false,
  showFriendlyErrorStack: false,
  scripts: undefined,
  himportFieldsets: undefined
}

/** One server, or the master that sentinels name, by way of ioredis or iovalkey. */
export class IoRedisLink implements RedisLink {
  readonly name: string
  readonly #client: IoRedis

  constructor (client: IoRedis, name: string) {
    this.#client = client
    this.name = name
  }

  async connect (_: Role, events: ConnectionEvents, signal: AbortSignal): Promise<MemberConnection> {
    signal.throwIfAborted()
    const connection = new IoRedisConnection(this.#client.duplicate(OPTIONS), events)
    const abort = (): void => connection.destroy()
    signal.addEventListener('abort', abort, { once: true })
    try {
      await connection.open()
      signal.throwIfAborted()
    } catch (error) {
      connection.destroy()
      throw signal.aborted ? signal.reason : error
    } finally {
      signal.removeEventListener('abort', abort)
    }
    return connection
  }
}

class IoRedisConnection implements MemberConnection {
  readonly isCluster = false
  isSharded = false
  readonly #client: IoRedis
  readonly #events: ConnectionEvents
  #state: 'connecting' | 'open' | 'lost' | 'ended' = 'connecting'
  /** What it has failed of, as far as it is known. */
  #error: Error | null = null

  constructor (client: IoRedis, events: ConnectionEvents) {
    this.#client = client
    this.#events = events
    // Without a listener, the client writes to the console.
    client.on('error', error => {
      this.#error ??= error!
      // Before version 6, this is all that tells that the server has unsubscribed us from a channel.
      this.#lose()
    })
    client.on('close', () => {
      // It may have been made already, though `open` does not know yet.
      if (this.#state === 'connecting') this.#state = 'lost'
      else this.#lose()
    })
    client.on('moved', () => {
      this.#error ??= new Error('the slot of a channel is on another server')
      this.#lose()
    })
    const onMessage = (channel: Buffer, bytes: Buffer): void => {
      if (this.#state === 'open') events.onMessage(channel.toString(), bytes)
    }
    client.on('messageBuffer', onMessage)
    client.on('smessageBuffer', onMessage)
  }

  async open (): Promise<void> {
    try {
      await this.#client.connect()
    } catch (error) {
      throw this.#error ?? error
    }
    if (this.#state === 'connecting') this.#state = 'open'
    else throw this.#error ?? new Error('the connection was closed')
  }

  serverOf (): string {
    return ''
  }

  send (_: number, [name, ...args]: ReadonlyArray<string | Uint8Array>): Promise<Reply> {
    return this.#client.callBuffer(name as string, ...args.map(bufferOf)) as Promise<Reply>
  }

  async subscribe (_: number, channels: readonly string[]): Promise<void> {
    if (!this.isSharded) await this.#client.subscribe(...channels)
    // Before version 6, a channel that the server takes from us is counted as one of those that are asked for, and the answer then
    // comes too soon. The ping is answered behind all of them; if there was such a channel, too many answers come.
    else await Promise.all([this.#client.ssubscribe(...channels), this.#client.callBuffer('ping')])
  }

  async unsubscribe (_: number, channels: readonly string[]): Promise<void> {
    if (this.isSharded) await this.#client.sunsubscribe(...channels)
    else await this.#client.unsubscribe(...channels)
  }

  destroy (): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#client.disconnect()
    // Otherwise what waits to be written would still be written, as long as the server takes it.
    this.#client.stream?.destroy()
  }

  #lose (): void {
    if (this.#state !== 'open') return
    this.#state = 'lost'
    this.#events.onLost(this.#error ?? new Error('the connection was closed'))
  }
}

function bufferOf (arg: string | Uint8Array): string | Buffer {
  return typeof arg === 'string' || Buffer.isBuffer(arg) ? arg : Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength)
}
