import type { FastifyInstance } from 'fastify'
import type { InjectWSOptions } from '../../types/inject.ts'
import type { PluginOptions } from '../../types/options.ts'
import { FST_ERR_WS_ALREADY_REGISTERED } from '../errors.ts'
import { Scope } from '../live/scope.ts'
import { injectWS } from '../testing/inject.ts'
import { kScope } from './declaration.ts'
import { checkPluginOptions, drainOptions } from './options.ts'
import { Registry } from './registry.ts'

/** The plugin itself; lib/index.ts names it. Decorates the instance with `sockets` and `injectWS`. */
export async function register (app: FastifyInstance, options: PluginOptions): Promise<void> {
  checkPluginOptions(options)
  if (Object.hasOwn(app, kScope)) throw new FST_ERR_WS_ALREADY_REGISTERED()
  const registry = Registry.of(app)
  const scope = new Scope(options, drainOptions(options.drain), registry.wheel)
  app.decorate(kScope, scope)
  app.decorate('sockets', scope.public)
  inherit(app, 'injectWS', function (this: FastifyInstance, url: string, options?: InjectWSOptions) {
    return injectWS(Registry.of(this), url, options) as Promise<any>
  })
  registry.register(app, scope)
}

/**
 * Lets the instance inherit a property instead of owning it. @fastify/websocket decorates with the same name, and may be
 * registered in the same scope, before or after; then its own property wins, and it reaches our routes as well.
 */
function inherit (app: FastifyInstance, name: string, value: Function): void {
  const above = Object.create(Object.getPrototypeOf(app), { [name]: { value, writable: true } })
  Object.setPrototypeOf(app, above)
}
