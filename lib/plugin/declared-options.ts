import type { FastifyInstance, RouteOptions } from 'fastify'

/** The route options of Fastify with ours among them, as an onRoute hook sees them. */
export type AnyRouteOptions = Omit<RouteOptions, 'handler' | 'schema'> & {
  ws?: unknown
  handler: (...args: any[]) => unknown
  schema?: any
  routePath?: string
}

/** The options of a route as they were declared, before hooks have changed them. */
export class DeclaredOptions {
  readonly #instance: FastifyInstance
  readonly #options: AnyRouteOptions

  constructor (instance: FastifyInstance, options: AnyRouteOptions) {
    this.#instance = instance
    this.#options = { ...options }
  }

  /** Whether a HEAD route is the one that Fastify adds to this GET route: with the very same options, by another URL at most. */
  isTwin (instance: FastifyInstance, { url, ws, handler, constraints }: AnyRouteOptions): boolean {
    const own = this.#options
    return instance === this.#instance && sameUrl(url, own.url) && ws === own.ws && handler === own.handler &&
      constraints === own.constraints
  }
}

/** Leaves a route out of documents of HTTP routes, which have no word for it. */
export function hide (options: AnyRouteOptions): void {
  options.schema = { hide: true, ...options.schema }
}

/** The root of a prefix has two URLs. */
function sameUrl (a: string, b: string): boolean {
  return a.replace(/\/$/, '') === b.replace(/\/$/, '')
}
