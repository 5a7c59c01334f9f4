import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Backplane } from '../../types/backplane.ts'
import type { BackplaneMessage } from '../../types/diagnostics.ts'
import type { PluginOptions } from '../../types/options.ts'
import { TimerWheel } from '../connection/timer-wheel.ts'
import { FST_ERR_WS_OPTION } from '../errors.ts'
import { backplanes } from '../live/channels.ts'
import { logErrorOf, logInfoOf } from '../live/log.ts'
import { Scope } from '../live/scope.ts'
import type { InjectTarget } from '../testing/inject.ts'
import { type TopicReports, TopicScope } from '../topics/topic-scope.ts'
import { onBirth } from './births.ts'
import { checkVersions, noteVersion, sharedSymbol } from './copies.ts'
import { Declaration } from './declaration.ts'
import type { AnyRouteOptions } from './declared-options.ts'
import { addFirstHooks, markSeen, meetHandshake, meetLate } from './first-hooks.ts'
import { ForeignOptions } from './foreign-options.ts'
import { inherit } from './inherit.ts'
import { drainOptions } from './options.ts'
import type { Registration } from './registration.ts'
import type { WebSocketRoute } from './route.ts'
import { Servers } from './servers.ts'
import { TopicDeclaration } from './topic-declaration.ts'

/** The key of an app's registry: there is one, even if two copies of this package are installed. */
const kRegistry = sharedSymbol('registry')

/** The WebSocket routes and scopes of one app. */
export class Registry implements InjectTarget {
  readonly #wheel = new TimerWheel()

  /** The root instance. */
  readonly #app: FastifyInstance
  readonly #declarations: Declaration[] = []
  readonly #scopes: Scope[] = []
  readonly #foreign = new ForeignOptions()
  readonly #servers: Servers
  /** Whether the app is older than this module. */
  #isLate = false
  readonly #topics: TopicDeclaration[] = []
  readonly #backplanes = new Set<Backplane>()
  #isInstalled = false
  /** Null until everything is declared. */
  #routes: readonly WebSocketRoute[] | null = null

  private constructor (app: FastifyInstance) {
    this.#app = app
    this.#servers = new Servers(app, this.#scopes, () => this.#routes !== null)
  }

  /** The registry of the app that an instance belongs to. */
  static of (instance: FastifyInstance): Registry {
    const root = rootOf(instance) as unknown as Record<symbol, Registry | undefined>
    return root[kRegistry] ??= new Registry(root as unknown as FastifyInstance)
  }

  /** From now on, sees every route that the app declares, and every handshake. */
  install (isLate: boolean): void {
    // Another copy of this package may already have installed it.
    if (this.#isInstalled) return
    this.#isInstalled = true
    noteVersion(this.#app)
    this.#isLate = isLate
    const registry = this
    function onRoute (this: FastifyInstance, options: object): void {
      registry.#onRoute(this, options as AnyRouteOptions)
    }
    if (isLate) {
      addFirstHooks(this.#app, { onRoute, onRequest: meetLate })
    } else {
      this.#app.addHook('onRoute', onRoute)
      this.#app.addHook('onRequest', meetHandshake)
    }
    inherit(this.#app, 'topic', function (this: FastifyInstance, url: string, options?: object) {
      const declaration = new TopicDeclaration(this, url, options)
      registry.#topics.push(declaration)
      return declaration.public
    })
    this.#app.addHook('onReady', async () => this.#boot())
  }

  /**
   * Makes the parts of a registration. Those of one app come from one copy of this package, as its topics and sockets do:
   * another copy would not know them.
   */
  newRegistration (app: FastifyInstance, options: PluginOptions): Registration {
    const { backplane } = options
    if (backplane !== undefined) {
      if (this.#backplanes.has(backplane)) throw new FST_ERR_WS_OPTION('backplane', 'one of its own for each registration, with a prefix of its own')
      this.#backplanes.add(backplane)
    }
    const scope = new Scope(options, drainOptions(options.drain), this.#wheel)
    return { scope, topics: new TopicScope(scope, topicReports(app)) }
  }

  /** Adds a scope. With the first scope, the app begins to serve handshakes. */
  register (instance: FastifyInstance, scope: Scope): void {
    // Does nothing if the app was created after this module was loaded.
    this.install(true)
    this.#scopes.push(scope)
    this.#servers.serve(instance)
  }

  ready (): PromiseLike<unknown> {
    return this.#app.ready()
  }

  connect (duplex: Duplex): void {
    this.#servers.memory.emit('connection', duplex)
  }

  get longestHandshake (): number {
    return Math.max(0, ...this.#routes!.map(route => route.handshakeTimeout))
  }

  #onRoute (instance: FastifyInstance, options: AnyRouteOptions): void {
    if (this.#isLate) markSeen(options)
    this.#foreign.note(instance, options)
    if (!options.ws) return
    checkVersions(this.#app)
    const original = options.method === 'HEAD' && this.#declarations.find(one => one.isTwin(instance, options))
    if (original) original.takeTwin(options)
    else this.#declarations.push(new Declaration(instance, options))
  }

  #boot (): void {
    this.#routes = this.#declarations.map(declaration => declaration.boot())
    for (const topic of this.#topics) topic.boot()
    this.#foreign.check()
  }
}

function topicReports (app: FastifyInstance): TopicReports {
  return {
    failed (error, topic, untold) {
      logErrorOf(app, 'error', error, 'publishing to a topic failed', { topic, untold })
    },
    state (state, name, error) {
      if (backplanes.hasSubscribers) backplanes.publish({ name, state, error } satisfies BackplaneMessage)
      if (state === 'down') logErrorOf(app, 'error', error, 'the backplane cannot be reached', { backplane: name })
      else logInfoOf(app, { backplane: name }, 'the backplane can be reached again')
    }
  }
}

/** The instance that `Fastify()` returned. */
function rootOf (instance: FastifyInstance): FastifyInstance {
  let root = instance
  while ('server' in Object.getPrototypeOf(root)) root = Object.getPrototypeOf(root)
  return root
}

// Routes may be declared before the plugin has loaded, or without it: only an onRoute hook that an instance has from
// birth sees them all.
onBirth(fastify => { Registry.of(fastify).install(false) })
