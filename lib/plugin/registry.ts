import { subscribe } from 'node:diagnostics_channel'
import { type IncomingMessage, Server, type ServerResponse } from 'node:http'
import { type Http2Server, Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { TimerWheel } from '../connection/timer-wheel.ts'
import { isWebSocketUpgrade } from '../protocol/handshake.ts'
import { Connections } from './connections.ts'
import { ExtendedConnect } from './extended-connect.ts'
import { Finder } from './finder.ts'
import { shareStrings } from './header-strings.ts'
import type { Opening } from './opening.ts'
import { type AnyRouteOptions, meetHandshake, WebSocketRoute } from './route.ts'
import type { Scope } from './scope.ts'
import { Sessions } from './sessions.ts'
import { Shutdown } from './shutdown.ts'
import { serveAsHttp, Upgrade } from './upgrade.ts'

/** Where a server carries its registry: one, even if two copies of this package are installed. */
const kRegistry = Symbol.for('fastify-sockets.registry')

/** Everything about WebSockets on one server: its routes, its scopes, its handshakes under way. */
export class Registry {
  /** The instance at the root, or the first one that was seen. */
  readonly app: FastifyInstance
  readonly wheel = new TimerWheel()

  readonly #routes: WebSocketRoute[] = []
  readonly #scopes: Scope[] = []
  readonly #sessions = new Sessions()
  readonly #connections = new Connections(this.#sessions)
  readonly #shutdown = new Shutdown(this.#scopes, this.#sessions, this.#connections)
  readonly #installed = new WeakSet<object>()
  #attached = false
  #finder: Finder | null = null
  #injectServer: Server | null = null

  private constructor (app: FastifyInstance) {
    this.app = app
  }

  /** The registry of the server that an instance belongs to. */
  static of (instance: FastifyInstance): Registry {
    const server = instance.server as { [kRegistry]?: Registry }
    return server[kRegistry] ??= new Registry(instance)
  }

  /** Sees every route that is declared from now on in this instance and its children, and every handshake. */
  install (instance: FastifyInstance): void {
    if (this.#sees(instance)) return
    this.#installed.add(instance)
    instance.addHook('onRoute', function (options) {
      Registry.of(this).#onRoute(this, options as unknown as AnyRouteOptions)
    })
    instance.addHook('onRequest', meetHandshake)
    instance.addHook('onReady', async () => this.#boot())
  }

  /** Adds a scope; the first one starts to listen for upgrades. */
  register (instance: FastifyInstance, scope: Scope): void {
    if (!this.#sees(instance)) {
      // The instance was born before this module was loaded.
      this.install(instance)
      if (instance.printRoutes() !== '(empty tree)') {
        process.emitWarning(
          "routes that were declared before it was registered cannot be WebSocket routes; import 'fastify-sockets' " +
          'before you create the Fastify instance, and the order does not matter',
          { code: 'FST_WARN_WS_IMPORTED_LATE', type: 'FastifySocketsWarning' })
      }
    }
    this.#scopes.push(scope)
    // Added now and not at the instance's birth, so that the user's own preClose hooks find open sockets.
    instance.addHook('preClose', () => this.#shutdown.beginWhileListening(this.app.initialConfig.pluginTimeout!))
    instance.addHook('onClose', () => this.#shutdown.begin())
    if (!this.#attached) {
      this.#attached = true
      this.#attach(this.app.server as Server)
      this.#connections.watch(this.app.server)
      this.#shutdown.beginWith(this.app.server as Server)
      instance.addHook('onListen', () => this.#attachOthers())
    }
  }

  /** A server that never listens: `injectWS` connects to it in memory, whatever the real one speaks. */
  get injectServer (): Server {
    if (this.#injectServer === null) {
      this.#injectServer = new Server((request, response) => this.app.routing(request, response))
      this.#attach(this.#injectServer)
    }
    return this.#injectServer
  }

  /** The most, in milliseconds, that a route lets a handshake take. */
  get longestHandshake (): number {
    return Math.max(0, ...this.#routes.map(route => route.handshakeTimeout))
  }

  /** Whether an instance or one of its parents has our hooks. */
  #sees (instance: object): boolean {
    for (let one: object | null = instance; one !== null; one = Object.getPrototypeOf(one)) {
      if (this.#installed.has(one)) return true
    }
    return false
  }

  #onRoute (instance: FastifyInstance, options: AnyRouteOptions): void {
    if (!options.ws) return
    const original = options.method === 'HEAD' && this.#routes.find(route => sameUrl(route.url, options.url))
    if (original) {
      // Fastify's twin of a GET route. A route for upgrades only has none, so its twin is declared for no method.
      if (!original.servesHttp) options.method = []
      return
    }
    this.#routes.push(new WebSocketRoute(instance, options))
  }

  #boot (): void {
    for (const route of this.#routes) route.boot()
  }

  #attach (server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#onUpgrade(server, request, socket, head)
    })
    if (isHttp2(server)) this.#attachHttp2(server)
    // Node 24.9 and later asks before it leaves HTTP. What is declined here is served as HTTP with nothing more to do.
    const asking = server as { shouldUpgradeCallback?: (request: IncomingMessage) => boolean }
    const { shouldUpgradeCallback } = asking
    if (shouldUpgradeCallback === undefined) return
    asking.shouldUpgradeCallback = request => shouldUpgradeCallback.call(server, request) &&
      (server.listenerCount('upgrade') > 1 || isForUs(request))
  }

  #attachHttp2 (server: Http2Server): void {
    this.#announce(server)
    server.on('connect', (request: Http2ServerRequest | IncomingMessage, response: Http2ServerResponse | Duplex) => {
      if (request instanceof Http2ServerRequest) this.#onConnect(server, request, response as Http2ServerResponse)
      // A CONNECT of HTTP/1.1, which Node ends like this where nobody listens.
      else if (server.listenerCount('connect') === 1) response.destroy()
    })
  }

  /** RFC 8441 §3: a client may open WebSockets once it has been told that it can. */
  #announce (server: Http2Server): void {
    server.updateSettings({ enableConnectProtocol: true })
    this.#sessions.watch(server)
  }

  /**
   * A name with several addresses, as localhost is, has a server for each of them. Fastify keeps them to itself, and
   * hands on what is an upgrade, but no CONNECT.
   */
  #attachOthers (): void {
    const app = this.app as unknown as Record<symbol, Http2Server[]>
    const symbols = Object.getOwnPropertySymbols(app).filter(({ description }) => description === 'fastify.serverBindings')
    for (const server of symbols.flatMap(symbol => app[symbol]!)) {
      this.#connections.watch(server)
      if (!isHttp2(server)) continue
      this.#announce(server)
      server.on('connect', (...event) => this.app.server.emit('connect', ...event))
    }
  }

  #onConnect (server: Http2Server, request: Http2ServerRequest, response: Http2ServerResponse): void {
    const protocol = request.headers[':protocol']?.toString().toLowerCase()
    const wantsUs = protocol === 'websocket'
    if (server.listenerCount('connect') > 1 && !(wantsUs && this.#hasRoute(request))) return
    // Reset before anybody could look at it.
    if (request.stream.destroyed) return
    const connect = new ExtendedConnect(request, response, this.#sessions, this.#handshakeDone)
    if (wantsUs) this.#admit(connect, request)
    // RFC 9220 §3 for a protocol that is not known; a CONNECT without one is answered as Node does.
    else connect.answer(protocol === undefined ? 405 : 501)
  }

  #onUpgrade (server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const wantsUs = isForUs(request)
    if (server.listenerCount('upgrade') > 1 && !(wantsUs && this.#hasRoute(request))) {
      this.#connections.release(socket)
      return
    }
    const upgrade = new Upgrade(request, socket, head, this.#handshakeDone)
    if (!upgrade.takeSocket()) {
      // Pipelined behind a request that has no answer yet: two responses cannot share the socket.
      socket.destroy()
    } else if (wantsUs) {
      this.#admit(upgrade, request)
    } else {
      upgrade.giveSocketBack()
      serveAsHttp(server, request, socket, head)
    }
  }

  /** A handshake goes through Fastify as any other request. */
  #admit (opening: Opening, request: IncomingMessage | Http2ServerRequest): void {
    opening.begin()
    this.app.routing(request as IncomingMessage, opening.response as ServerResponse)
    if (opening.isWritten) return
    this.#shutdown.add(opening)
    opening.wait()
  }

  readonly #handshakeDone = (opening: Opening): void => {
    if (opening.isAccepted) this.#connections.release(opening.transport)
    this.#shutdown.delete(opening)
  }

  /** Only asked where other listeners want upgrades too. */
  #hasRoute (request: IncomingMessage | Http2ServerRequest): boolean {
    this.#finder ??= new Finder(this.app, this.#routes.flatMap(route => route.urls))
    return this.#finder.has(request)
  }
}

const kForUs = Symbol('fastify-sockets.isForUs')

/** Node 24.9 and later has it asked twice. */
function isForUs (request: IncomingMessage & { [kForUs]?: boolean }): boolean {
  if (request[kForUs] === undefined) {
    // Before the headers are looked at, which is when Node makes an object of them.
    shareStrings(request.rawHeaders)
    request[kForUs] = isWebSocketUpgrade(request.method, request.headers)
  }
  return request[kForUs]
}

function isHttp2 (server: object): server is Http2Server {
  return 'updateSettings' in server
}

function sameUrl (a: string, b: string): boolean {
  return a.replace(/\/$/, '') === b.replace(/\/$/, '')
}

// Routes may be declared before the plugin has loaded, or without it: only an onRoute hook that an instance has from
// its birth sees them all.
subscribe('fastify.initialization', message => {
  const { fastify } = message as { fastify: FastifyInstance }
  Registry.of(fastify).install(fastify)
})
