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
  app.decorate('injectWS', function (this: FastifyInstance, url: string, options?: InjectWSOptions) {
    return injectWS(this, url, options) as Promise<any>
  })
  registry.register(app, scope)
}

export const plugin = fp(sockets, { fastify: '5.x', name: 'fastify-sockets' })
