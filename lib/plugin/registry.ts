import { Server } from 'node:http'
import type { Http2Server } from 'node:http2'
import type { FastifyInstance } from 'fastify'
import { TimerWheel } from '../connection/timer-wheel.ts'
import { Connections } from '../handshake/http-connections.ts'
import { Sessions } from '../handshake/sessions.ts'
import type { Scope } from '../live/scope.ts'
import { keepOutOfLog } from './asking.ts'
import { onBirth } from './births.ts'
import type { AnyRouteOptions } from './declaration.ts'
import { internal } from './fastify-internals.ts'
import { addFirstHooks, markSeen, meetHandshake, meetLate } from './first-hooks.ts'
import { ForeignOptions } from './foreign-options.ts'
import { WebSocketRoute } from './route.ts'
import { announce, isHttp2, SharedServer } from './shared-server.ts'
import { Shutdown } from './shutdown.ts'

/** Where an app carries its registry: one, even if two copies of this package are installed. */
const kRegistry = Symbol.for('fastify-sockets.registry')

/** Everything about WebSockets in one app: its routes, its scopes, its handshakes under way. */
export class Registry {
  /** The instance at the root. */
  readonly app: FastifyInstance
  readonly wheel = new TimerWheel()

  readonly #routes: WebSocketRoute[] = []
  readonly #scopes: Scope[] = []
  readonly #sessions = new Sessions()
  readonly #connections = new Connections(this.#sessions)
  readonly #shutdown = new Shutdown(this.#scopes, this.#sessions, this.#connections)
  readonly #foreign = new ForeignOptions()
  /** Whether the app is older than this module. */
  #isLate = false
  #isInstalled = false
  #isBooted = false
  #shared: SharedServer | null = null
  #injectServer: Server | null = null

  private constructor (app: FastifyInstance) {
    this.app = app
  }

  /** The registry of the app that an instance belongs to. */
  static of (instance: FastifyInstance): Registry {
    const root = rootOf(instance) as { [kRegistry]?: Registry }
    return root[kRegistry] ??= new Registry(root as FastifyInstance)
  }

  /** Sees every route of the app that is declared from now on, and every handshake. */
  install (isLate: boolean): void {
    // By another copy of this package.
    if (this.#isInstalled) return
    this.#isInstalled = true
    this.#isLate = isLate
    const registry = this
    function onRoute (this: FastifyInstance, options: object): void {
      registry.#onRoute(this, options as AnyRouteOptions)
    }
    if (isLate) {
      addFirstHooks(this.app, { onRoute, onRequest: meetLate })
    } else {
      this.app.addHook('onRoute', onRoute)
      this.app.addHook('onRequest', meetHandshake)
    }
    this.app.addHook('onReady', async () => this.#boot())
  }

  /** Adds a scope; the first one starts to listen for upgrades. */
  register (instance: FastifyInstance, scope: Scope): void {
    // Unless that was done when the app was made.
    this.install(true)
    this.#scopes.push(scope)
    // Added now and not at the instance's birth, so that the user's own preClose hooks find open sockets.
    instance.addHook('preClose', () => this.#shutdown.beginWhileListening(this.app.initialConfig.pluginTimeout!))
    instance.addHook('onClose', async () => {
      await this.#shutdown.begin()
      this.#detach()
    })
    if (this.#shared !== null) return
    this.#shared = this.#share(this.app.server as Server)
    keepOutOfLog(this.app)
    this.#connections.watch(this.app.server)
    this.#shutdown.beginWith(this.app.server as Server)
    instance.addHook('onListen', () => {
      this.#shutdown.onListen()
      this.#attachOthers()
    })
  }

  /** A server that never listens: `injectWS` connects to it in memory, whatever the real one speaks. */
  get injectServer (): Server {
    if (this.#injectServer === null) {
      this.#injectServer = new Server((request, response) => this.app.routing(request, response))
      this.#share(this.#injectServer)
    }
    return this.#injectServer
  }

  /** The most, in milliseconds, that a route lets a handshake take. */
  get longestHandshake (): number {
    return Math.max(0, ...this.#routes.map(route => route.handshakeTimeout))
  }

  #onRoute (instance: FastifyInstance, options: AnyRouteOptions): void {
    if (this.#isLate) markSeen(options)
    this.#foreign.note(instance, options)
    if (!options.ws) return
    const original = options.method === 'HEAD' && this.#routes.find(route => route.isTwin(instance, options))
    if (original) original.takeTwin(options)
    else this.#routes.push(new WebSocketRoute(instance, options))
  }

  #boot (): void {
    this.#isBooted = true
    for (const route of this.#routes) route.boot()
    this.#foreign.check()
  }

  #share (server: Server): SharedServer {
    return new SharedServer(server, {
      app: this.app,
      sessions: this.#sessions,
      connections: this.#connections,
      shutdown: this.#shutdown,
      isBooted: () => this.#isBooted
    })
  }

  /** The server has closed, but it may be used again: by another app, or by whoever has made it. */
  #detach (): void {
    this.#shared!.detach()
    this.#connections.unwatch()
    this.#sessions.unwatch()
    this.#shutdown.leave()
  }

  /**
   * A name with several addresses, as localhost is, has a server for each of them. Fastify keeps them to itself, and
   * hands on what is an upgrade, but no CONNECT.
   */
  #attachOthers (): void {
    for (const server of internal<Http2Server[]>(this.app, 'serverBindings')!) {
      this.#connections.watch(server)
      if (!isHttp2(server)) continue
      announce(server, this.#sessions)
      server.on('connect', (...event) => this.app.server.emit('connect', ...event))
    }
  }
}

/** The instance that `Fastify()` has made. */
function rootOf (instance: FastifyInstance): FastifyInstance {
  let root = instance
  while ('server' in Object.getPrototypeOf(root)) root = Object.getPrototypeOf(root)
  return root
}

// Routes may be declared before the plugin has loaded, or without it: only an onRoute hook that an instance has from
// its birth sees them all.
onBirth(fastify => { Registry.of(fastify).install(false) })
