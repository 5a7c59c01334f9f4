import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { InjectWSOptions } from '../../types/inject.ts'
import type { PluginOptions } from '../../types/options.ts'
import { FST_ERR_WS_ALREADY_REGISTERED } from '../errors.ts'
import { injectWS } from './inject.ts'
import { checkPluginOptions } from './options.ts'
import { Registry } from './registry.ts'
import { kScope } from './route.ts'
import { Scope } from './scope.ts'

/**
 * Adds WebSocket routes (`ws: true`) to the scope it is registered in and to the scopes below it. Decorates the
 * instance with `sockets` and `injectWS`.
 *
 * @param options defaults for the routes of the scope
 */
async function sockets (app: FastifyInstance, options: PluginOptions): Promise<void> {
  checkPluginOptions(options)
  if (Object.hasOwn(app, kScope)) throw new FST_ERR_WS_ALREADY_REGISTERED()
  const registry = Registry.of(app)
  const scope = new Scope(options, registry.wheel)
  app.decorate(kScope, scope)
  app.decorate('sockets', scope.view)
  inherit(app, 'injectWS', function (this: FastifyInstance, url: string, options?: InjectWSOptions) {
    return injectWS(this, url, options) as Promise<any>
  })
  registry.register(app, scope)
}

/**
 * Has the instance inherit a property in place of its own: @fastify/websocket, which decorates it with the same name, may be
 * registered in the same scope, before or after. That one is there then, and reaches our routes as well.
 */
function inherit (app: FastifyInstance, name: string, value: Function): void {
  const above = Object.create(Object.getPrototypeOf(app), { [name]: { value, writable: true } })
  Object.setPrototypeOf(app, above)
}

export const plugin = fp(sockets, { fastify: '5.x', name: 'fastify-sockets' })
