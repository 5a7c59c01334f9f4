import { Calls } from './calls.ts'
import { Clock } from './clock.ts'
import type { Keys } from './keys.ts'
import type { RedisConnection, RedisLink, Reply, Role } from './link.ts'
import { Pings } from './pings.ts'
import { ScriptRunner } from './script-runner.ts'
import { ping } from './scripts/ping.ts'
import type { Script } from './scripts/script.ts'
import { SubscribedLine } from './subscribed-line.ts'

/** Milliseconds between two pings. */
const PING_INTERVAL = 1000
/** Milliseconds between two attempts to connect: at first, and at most. Each is shortened by chance, so that processes spread. */
const FIRST_DELAY = 50
const MAX_DELAY = 1000
/** A connection that worked for so long was a good one: the next attempt is made at once. */
const GOOD = 5000

export interface StoreEvents {
  /** What must have worked before it is said that everything does. */
  prepare (): Promise<void>
  onMessage (channel: string, bytes: Buffer): void
  /** Not for the first time: that is the answer of `open`. */
  onUp (): void
  onDown (error: Error): void
}

/** The connection for commands, with what waits for its answers. */
interface CommandLine {
  readonly connection: RedisConnection
  readonly calls: Calls
  readonly runner: ScriptRunner
  readonly clock: Clock
}

type State = 'new' | 'connecting' | 'up' | 'closed'

/**
 * The server or cluster, with its two connections: when one is lost it is down, and connected to once more, until it is up again. It
 * is up as soon as a message has gone from here to the server and back by the other connection.
 */
export class Store {
  readonly deadline: number
  readonly #link: RedisLink
  readonly #keys: Keys
  readonly #events: StoreEvents
  readonly #pings: Pings
  #state: State = 'new'
  #isCluster = false
  #commands: CommandLine | null = null
  #subscribed: SubscribedLine | null = null
  /** Ends the attempt or the wait that is under way. */
  #abort = new AbortController()
  #attempts = 0
  #upSince = 0
  #pingTimer: NodeJS.Timeout | null = null

  constructor (link: RedisLink, deadline: number, keys: Keys, node: string, events: StoreEvents) {
    this.#link = link
    this.deadline = deadline
    this.#keys = keys
    this.#events = events
    this.#pings = new Pings({
      serverOf: partition => this.#commands!.connection.serverOf(partition),
      ping: (partition, channel, message) => this.#ping(partition, channel, message),
      announced: arrival => this.#subscribed!.calls.wait(arrival)
    }, keys, node)
  }

  get lag (): number | null {
    return this.isUp ? this.#pings.lag : null
  }

  get isUp (): boolean {
    return this.#state === 'up'
  }

  /** Whether calls are sent: also while only the subscribed connection is lost. */
  get isConnected (): boolean {
    return this.#commands !== null
  }

  /** What keys may be in the same call: those for which this answers the same. */
  groupOf (partition: number): number {
    return this.#isCluster ? partition : 0
  }

  /** As many together as fit in one call. */
  batches<One extends { readonly topic: string }> (all: readonly One[], most: number): One[][] {
    const groups = new Map<number, One[][]>()
    for (const one of all) {
      const group = this.groupOf(this.#keys.of(one.topic).partition)
      const batches = groups.get(group)
      const last = batches?.at(-1)
      if (batches === undefined) groups.set(group, [[one]])
      else if (last!.length === most) batches.push([one])
      else last!.push(one)
    }
    return [...groups.values()].flat()
  }

  /** Which command announces. */
  get announcing (): 'PUBLISH' | 'SPUBLISH' {
    return this.#commands?.connection.isSharded === true ? 'SPUBLISH' : 'PUBLISH'
  }

  /** Resolves when it is up. Rejects if it is not within the deadline. */
  async open (): Promise<void> {
    this.#state = 'connecting'
    await this.#connect(performance.now() + this.deadline)
  }

  /** Ends everything; no events any more. */
  close (): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    const error = new Error('closed')
    this.#abort.abort(error)
    this.#drop(error)
  }

  /**
   * Runs a script, with its deadline in front of its arguments.
   *
   * @param end when the caller gives up, as `performance.now()` tells it
   */
  run (script: Script, partition: number, keys: string[], args: Array<string | Uint8Array>, end = this.#end()): Promise<Reply> {
    const line = this.#commands
    if (line === null) return Promise.reject(new Error('not connected'))
    const { connection, runner, clock, calls } = line
    // Sooner, because the answer takes a while too.
    const last = clock.at(connection.serverOf(partition), end - Math.min(1000, this.deadline / 4))
    return calls.wait(runner.run(script, partition, keys, [String(last), ...args]).catch(error => this.#failed(error)), end)
  }

  /** Sends a command that does no harm if it is carried out late. */
  send (partition: number, command: string[]): Promise<Reply> {
    const line = this.#commands
    if (line === null) return Promise.reject(new Error('not connected'))
    return line.calls.wait(line.connection.send(partition, command).catch(error => this.#failed(error)))
  }

  /** Resolves when the server has confirmed all these channels. */
  async subscribe (channels: readonly string[]): Promise<void> {
    await this.#announcements().subscribe(channels)
  }

  async unsubscribe (channels: readonly string[]): Promise<void> {
    await this.#announcements().unsubscribe(channels)
  }

  #announcements (): SubscribedLine {
    if (this.#subscribed === null) throw new Error('not connected')
    return this.#subscribed
  }

  #end (): number {
    return performance.now() + this.deadline
  }

  /** A server that became a replica says so. The connection is to the wrong one then. */
  #failed (error: Error): never {
    if (/^(?:READONLY|MASTERDOWN|CLUSTERDOWN|MOVED|ASK) /.test(error.message)) this.#lose(error)
    throw error
  }

  async #ping (partition: number, channel: string, message: string): Promise<void> {
    const { connection, runner, clock, calls } = this.#commands!
    const answer = await calls.wait(runner.run(ping, partition, [channel], [this.announcing, message]))
    const [seconds, microseconds] = answer as Buffer[]
    clock.measured(connection.serverOf(partition), Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000))
  }

  /** @param end when to give up; then it rejects. Otherwise it resolves when it is up, or closed. */
  async #connect (end = Infinity): Promise<void> {
    let cause: unknown = null
    for (;;) {
      this.#abort = new AbortController()
      try {
        if (this.#attempts++ > 0) await this.#wait(end)
        await this.#attempt(Math.min(this.deadline, end - performance.now()))
        this.#up()
        if (end === Infinity) this.#events.onUp()
        return
      } catch (error) {
        if (this.#state === 'closed') {
          if (end === Infinity) return
          throw error
        }
        this.#drop(error as Error)
        if (performance.now() >= end) {
          this.close()
          // Why it could not connect says more than that its time was over.
          throw cause ?? error
        }
        cause = error
      }
    }
  }

  async #wait (end: number): Promise<void> {
    const delay = Math.min(MAX_DELAY, FIRST_DELAY * 2 ** (this.#attempts - 2)) * (0.5 + Math.random() / 2)
    const { signal } = this.#abort
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, delay)
      // Whoever waits for the app to be ready must not see the process end.
      if (end === Infinity) timer.unref()
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve()
      }, { once: true })
    })
    signal.throwIfAborted()
  }

  /** @param time milliseconds that it may take */
  async #attempt (time: number): Promise<void> {
    const abort = this.#abort
    const { signal } = abort
    const timer = setTimeout(() => abort.abort(new Error(`no connection within ${this.deadline} ms`)), time).unref()
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    try {
      await Promise.race([aborted, this.#establish(signal)])
    } catch (error) {
      abort.abort(error)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async #establish (signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#commands === null ? this.#open('commands', signal) : null,
      this.#subscribed === null ? this.#open('subscribed', signal) : null
    ])
    const channels = this.#pings.begin()
    await Promise.all([...channels.values()].map(partition => this.#commands!.runner.load(partition)))
    await this.subscribe([...channels.keys()])
    await this.#pings.send()
    await this.#events.prepare()
  }

  async #open (role: Role, signal: AbortSignal): Promise<void> {
    let lost: Error | null = null
    let connection: RedisConnection | null = null
    const calls = new Calls(this.deadline, error => this.#lose(error))
    const opened = await this.#link.connect(role, {
      onMessage: (channel, bytes) => this.#onMessage(channel, bytes),
      onLost: error => {
        lost = error
        if (connection !== null) this.#onLost(role, connection, error)
      }
    }, signal)
    if (signal.aborted || lost !== null) {
      opened.destroy()
      throw signal.reason ?? lost
    }
    connection = opened
    this.#isCluster = connection.isCluster
    if (role === 'subscribed') this.#subscribed = new SubscribedLine(connection, calls)
    else this.#commands = { connection, calls, runner: new ScriptRunner(connection), clock: new Clock() }
  }

  #onMessage (channel: string, bytes: Buffer): void {
    if (this.#pings.has(channel)) this.#pings.onMessage(String(bytes))
    else this.#events.onMessage(channel, bytes)
  }

  #up (): void {
    this.#state = 'up'
    this.#upSince = performance.now()
    this.#pingTimer = setTimeout(() => this.#pingAgain(), PING_INTERVAL).unref()
  }

  async #pingAgain (): Promise<void> {
    const subscribed = this.#subscribed
    try {
      await this.#pings.send()
      if (this.#subscribed === subscribed) this.#pingTimer = setTimeout(() => this.#pingAgain(), PING_INTERVAL).unref()
    } catch (error) {
      // The connections have been given up already, unless the server has answered with an error.
      if (this.#subscribed === subscribed) this.#lose(error as Error)
    }
  }

  #onLost (role: Role, connection: RedisConnection, error: Error): void {
    const line = role === 'commands' ? this.#commands : this.#subscribed
    if (line?.connection === connection) this.#lose(error, role)
  }

  /** @param role which connection is lost; by default both are given up */
  #lose (error: Error, role: Role = 'commands'): void {
    if (this.#state === 'connecting') this.#abort.abort(error)
    if (this.#state !== 'up') return
    this.#state = 'connecting'
    if (performance.now() - this.#upSince > GOOD) this.#attempts = 0
    // What is on its way to the server is still answered if only the subscribed connection is lost.
    this.#drop(error, role)
    this.#events.onDown(error)
    void this.#connect()
  }

  #drop (error: Error, role: Role = 'commands'): void {
    if (this.#pingTimer !== null) clearTimeout(this.#pingTimer)
    const lines = role === 'commands' ? [this.#subscribed, this.#commands] : [this.#subscribed]
    this.#subscribed = null
    if (role === 'commands') this.#commands = null
    for (const line of lines) {
      line?.connection.destroy()
      line?.calls.close(error)
    }
  }
}
