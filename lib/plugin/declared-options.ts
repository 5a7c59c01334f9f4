import type { FastifyInstance, RouteOptions } from 'fastify'

/** Fastify's route options and ours, as an onRoute hook sees them. */
export type AnyRouteOptions = Omit<RouteOptions, 'handler' | 'schema'> & {
  ws?: unknown
  handler: (...args: any[]) => unknown
  schema?: any
  routePath?: string
}

/** A route's options as they were declared, before hooks change them. */
export class DeclaredOptions {
  readonly #instance: FastifyInstance
  readonly #options: AnyRouteOptions

  constructor (instance: FastifyInstance, options: AnyRouteOptions) {
    this.#instance = instance
    this.#options = { ...options }
  }

  /** Whether a HEAD route is the twin that Fastify adds to this GET route: its options are the same, but its URL may differ. */
  isTwin (instance: FastifyInstance, { url, ws, handler, constraints }: AnyRouteOptions): boolean {
    const own = this.#options
    return instance === this.#instance && sameUrl(url, own.url) && ws === own.ws && handler === own.handler &&
      constraints === own.constraints
  }
}

/**
 * Gives Fastify a schema of its own to mark: the one that was declared may be frozen, or that of other routes, apps and clients,
 * which share a contract.
 */
export function copySchema (options: AnyRouteOptions): void {
  if (options.schema !== undefined) options.schema = { ...options.schema }
}

/** Leaves a route out of documents such as OpenAPI, which cannot describe it; its schema is a copy as well. */
export function hide (options: AnyRouteOptions): void {
  options.schema = { hide: true, ...options.schema }
}

/** The root route of a prefix has two URLs: with and without a trailing slash. */
function sameUrl (a: string, b: string): boolean {
  return a.replace(/\/$/, '') === b.replace(/\/$/, '')
}
