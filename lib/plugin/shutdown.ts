import type { Server } from 'node:http'
import { cutTransport } from '../connection/transport.ts'
import type { HttpConnections } from '../handshake/http-connections.ts'
import type { Http2Sessions } from '../handshake/http2-sessions.ts'
import type { Opening } from '../handshake/opening.ts'
import { Drain } from '../live/drain.ts'
import type { Scope } from '../live/scope.ts'

/** Milliseconds from the deadline until connections that wait for their client are cut, and then between two checks. */
const LINGER = 5000

/**
 * The end of a server. WebSockets and handshakes have until the deadline, whatever their clients do. All other connections,
 * new ones included, have 5 s more.
 */
export class Shutdown {
  readonly #scopes: readonly Scope[]
  readonly #sessions: Http2Sessions
  readonly #connections: HttpConnections
  /** Handshakes whose answer has not been written yet. */
  readonly #pending = new Set<Opening>()
  #drained: Promise<void> | null = null
  #mayStopListening: Promise<unknown> | null = null
  /** Runs from the beginning of the shutdown to its end. */
  #deadline: NodeJS.Timeout | null = null
  #serverHasClosed = false
  /** Whether this shutdown ends the server itself. It does not if the app is a guest on somebody else's server. */
  #closesServer = false
  #restoreServer: (() => void) | null = null

  constructor (scopes: readonly Scope[], sessions: Http2Sessions, connections: HttpConnections) {
    this.#scopes = scopes
    this.#sessions = sessions
    this.#connections = connections
  }

  /** A handshake waits for its answer. */
  add (opening: Opening): void {
    this.#pending.add(opening)
    this.#refDeadline()
  }

  /** A handshake has ended. */
  delete (opening: Opening): void {
    if (this.#pending.delete(opening)) this.#refDeadline()
  }

  /** Ends all WebSockets and waits for their handlers. */
  begin (): Promise<void> {
    return this.#drained ??= this.#drain()
  }

  /**
   * Does the same while the server still listens and answers with 503. But Fastify ends the process if a preClose hook takes
   * as long as `pluginTimeout`: so after half of that time the server may stop listening, and onClose waits for the rest.
   *
   * @param pluginTimeout in milliseconds; 0 for none
   */
  beginWhileListening (pluginTimeout: number): Promise<unknown> {
    if (pluginTimeout === 0) return this.begin()
    return this.#mayStopListening ??= new Promise(resolve => {
      const timer = setTimeout(resolve, pluginTimeout / 2)
      this.begin().finally(() => {
        clearTimeout(timer)
        resolve(undefined)
      })
    })
  }

  /**
   * Hooks into `server.close`, which Fastify calls even if a preClose hook of the user has failed and ours has not run.
   * Calls back late, because Fastify then runs onClose hooks: they must not take away what handlers still use.
   */
  attach (server: Server): void {
    const { close } = server
    const beginAndClose: Server['close'] = callback => {
      const ended = this.begin()
      this.#closesServer = true
      void ended.then(() => this.#sessions.close())
      return close.call(server, callback && (async error => {
        await ended
        callback(error)
      }))
    }
    const onClose = (): void => {
      this.#serverHasClosed = true
      this.#refDeadline()
    }
    server.close = beginAndClose
    server.on('close', onClose)
    this.#restoreServer = () => {
      server.off('close', onClose)
      if (server.close === beginAndClose) server.close = close
    }
  }

  /** The app itself listens on the server, and so it also closes it. */
  onListen (): void {
    this.#closesServer = true
  }

  /** Leaves the server as it was. Handshakes that still wait keep their deadline. */
  detach (): void {
    this.#restoreServer!()
    this.#serverHasClosed = true
    this.#refDeadline()
  }

  async #drain (): Promise<void> {
    for (const scope of this.#scopes) scope.closing = true
    this.#sessions.startDraining()
    this.#setDeadline(this.#cutHandshakes, Math.max(...this.#scopes.map(scope => scope.drain.timeout)))
    const drains = this.#scopes.map(scope => new Drain(scope))
    await Promise.all(drains.map(drain => drain.close()))
    if (this.#closesServer) this.#sessions.close()
    await Promise.all(drains.map(drain => drain.finish()))
  }

  #setDeadline (next: () => void, delay: number): void {
    this.#deadline = setTimeout(next, delay)
    this.#refDeadline()
  }

  readonly #cutHandshakes = (): void => {
    for (const { transport } of this.#pending) cutTransport(transport)
    if (this.#closesServer) this.#connections.cutUnread()
    this.#setDeadline(this.#cutWaiting, LINGER)
  }

  readonly #cutWaiting = (): void => {
    if (this.#closesServer) this.#connections.cutWaiting()
    this.#cutHandshakes()
  }

  /**
   * Lets the deadline keep the process alive only where nothing else may: a handshake in memory and a connection that nobody
   * reads do not.
   */
  #refDeadline (): void {
    if (this.#deadline === null) return
    if (this.#pending.size > 0 || (this.#closesServer && this.#connections.hasUnread)) this.#deadline.ref()
    else if (this.#serverHasClosed) clearTimeout(this.#deadline)
    else this.#deadline.unref()
  }
}
