import type { FastifyInstance } from 'fastify'
import type { PluginOptions } from '../../types/options.ts'
import { FST_ERR_WS_ALREADY_REGISTERED } from '../errors.ts'
import { type InjectedContract, type InjectedOptions, injectWS } from '../testing/inject.ts'
import { inherit } from './inherit.ts'
import { checkPluginOptions } from './options.ts'
import { kRegistration } from './registration.ts'
import { Registry } from './registry.ts'

/** The plugin itself; lib/index.ts names it. Decorates the instance with `sockets` and `injectWS`. */
export async function register (app: FastifyInstance, options: PluginOptions): Promise<void> {
  checkPluginOptions(options)
  if (Object.hasOwn(app, kRegistration)) throw new FST_ERR_WS_ALREADY_REGISTERED()
  const registry = Registry.of(app)
  const registration = registry.newRegistration(app, options)
  const { scope, topics } = registration
  app.decorate(kRegistration, registration)
  app.decorate('sockets', topics.public)
  inherit(app, 'injectWS', function (this: FastifyInstance, route: string | InjectedContract, options?: InjectedOptions) {
    return injectWS(Registry.of(this), route, options) as Promise<any>
  })
  // Before the hooks of the registry: those that are added first are called last.
  app.addHook('onClose', () => topics.close())
  registry.register(app, scope)
  await topics.open()
}
