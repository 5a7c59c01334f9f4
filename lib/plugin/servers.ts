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

/** The servers of an app, until they have closed. */
export class Servers {
  readonly #app: FastifyInstance
  readonly #isBooted: () => boolean
  readonly #sessions = new Http2Sessions()
  readonly #connections = new HttpConnections(this.#sessions)
  readonly #shutdown: Shutdown
  #shared: SharedServer | null = null
  #memory: Server | null = null

  /**
   * @param scopes of the app; the list may still grow
   * @param isBooted whether the routes of the app are known
   */
  constructor (app: FastifyInstance, scopes: readonly Scope[], isBooted: () => boolean) {
    this.#app = app
    this.#isBooted = isBooted
    this.#shutdown = new Shutdown(scopes, this.#sessions, this.#connections)
  }

  /** Serves handshakes from now on, until the instance (the app or one of its plugins) closes. */
  serve (instance: FastifyInstance): void {
    // Added now and not when the instance was created, so that the user's own preClose hooks come first, with sockets still open.
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

  /** An HTTP/1.1 server that never listens: it takes connections in memory, whatever protocol the real server speaks. */
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
   * A name with several addresses, such as localhost, has a server for each. Fastify keeps the others private: it forwards
   * their upgrades to the main server, but not their CONNECTs.
   */
  #attachOthers (): void {
    for (const server of internal<Http2Server[]>(this.#app, 'serverBindings')!) {
      this.#connections.watch(server)
      if (!isHttp2(server)) continue
      announce(server, this.#sessions)
      server.on('connect', (...event) => this.#app.server.emit('connect', ...event))
    }
  }

  /** The app has closed, but another app, or whoever made the server, may go on using it. */
  #detach (): void {
    this.#shared!.detach()
    this.#connections.unwatch()
    this.#sessions.unwatch()
    this.#shutdown.detach()
  }
}
