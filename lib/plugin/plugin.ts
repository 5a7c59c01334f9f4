import type { FastifyInstance } from 'fastify'
import type { InjectWSOptions } from '../../types/inject.ts'
import type { PluginOptions } from '../../types/options.ts'
import { FST_ERR_WS_ALREADY_REGISTERED } from '../errors.ts'
import { injectWS } from '../testing/inject.ts'
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
  inherit(app, 'injectWS', function (this: FastifyInstance, url: string, options?: InjectWSOptions) {
    return injectWS(Registry.of(this), url, options) as Promise<any>
  })
  // Before the hooks of the registry: those that are added first are called last.
  app.addHook('onClose', () => topics.close())
  registry.register(app, scope)
  await topics.open()
}
