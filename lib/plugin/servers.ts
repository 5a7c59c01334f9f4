import { Server } from 'node:http'
import type { Http2Server } from 'node:http2'
import type { FastifyInstance } from 'fastify'
import { HttpConnections } from '../handshake/http-connections.ts'
import { Http2Sessions } from '../handshake/http2-sessions.ts'
import type { Scope } from '../live/scope.ts'
import { keepOutOfLog } from './asking.ts'
import { internal } from './fastify-internals.ts'
import { announce, isHttp2, SharedServer } from './shared-server.ts'
import { Shutdown } from './shutdown.ts'

/** The servers by which handshakes come to an app, and what goes on there until they have closed. */
export class Servers {
  readonly #app: FastifyInstance
  readonly #isBooted: () => boolean
  readonly #sessions = new Http2Sessions()
  readonly #connections = new HttpConnections(this.#sessions)
  readonly #shutdown: Shutdown
  #shared: SharedServer | null = null
  #memory: Server | null = null

  /**
   * @param scopes of the app; more may follow
   * @param isBooted whether the routes of the app are known
   */
  constructor (app: FastifyInstance, scopes: readonly Scope[], isBooted: () => boolean) {
    this.#app = app
    this.#isBooted = isBooted
    this.#shutdown = new Shutdown(scopes, this.#sessions, this.#connections)
  }

  /** Serves handshakes from now on, until the instance closes: the app, or a plugin of it. */
  serve (instance: FastifyInstance): void {
    // Added now and not at the instance's birth, so that the user's own preClose hooks find open sockets.
    instance.addHook('preClose', () => this.#shutdown.beginWhileListening(this.#app.initialConfig.pluginTimeout!))
    instance.addHook('onClose', async () => {
      await this.#shutdown.begin()
      this.#detach()
    })
    if (this.#shared !== null) return
    this.#shared = this.#share(this.#app.server as Server)
    keepOutOfLog(this.#app)
    this.#connections.watch(this.#app.server)
    this.#shutdown.attach(this.#app.server as Server)
    instance.addHook('onListen', () => {
      this.#shutdown.onListen()
      this.#attachOthers()
    })
  }

  /** A server that never listens, for connections in memory, whatever the real one speaks. */
  get memory (): Server {
    if (this.#memory === null) {
      this.#memory = new Server((request, response) => this.#app.routing(request, response))
      this.#share(this.#memory)
    }
    return this.#memory
  }

  #share (server: Server): SharedServer {
    return new SharedServer(server, {
      app: this.#app,
      sessions: this.#sessions,
      connections: this.#connections,
      shutdown: this.#shutdown,
      isBooted: this.#isBooted
    })
  }

  /**
   * A name with several addresses, as localhost is, has a server for each of them. Fastify keeps them to itself, and
   * hands on what is an upgrade, but no CONNECT.
   */
  #attachOthers (): void {
    for (const server of internal<Http2Server[]>(this.#app, 'serverBindings')!) {
      this.#connections.watch(server)
      if (!isHttp2(server)) continue
      announce(server, this.#sessions)
      server.on('connect', (...event) => this.#app.server.emit('connect', ...event))
    }
  }

  /** The server has closed, but it may be used again: by another app, or by whoever has made it. */
  #detach (): void {
    this.#shared!.detach()
    this.#connections.unwatch()
    this.#sessions.unwatch()
    this.#shutdown.detach()
  }
}
