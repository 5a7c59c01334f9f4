import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { FastifyInstance } from 'fastify'
import FindMyWay from 'find-my-way'

type Router = FindMyWay.Instance<FindMyWay.HTTPVersion.V1>
type Rewrite = (this: FastifyInstance, request: object) => unknown

/** Options of Fastify's router by which a URL finds its route. */
const OPTIONS = [
  'allowUnsafeRegex', 'caseSensitive', 'ignoreDuplicateSlashes', 'ignoreTrailingSlash', 'maxParamLength', 'useSemicolonDelimiter'
] as const

/**
 * Tells which URLs are those of WebSocket routes, where other listeners want upgrades too. Fastify's own router cannot
 * be asked: it answers. A constraint of a route is left to it.
 */
export class Finder {
  readonly #app: FastifyInstance
  readonly #options: FindMyWay.Config<FindMyWay.HTTPVersion.V1>
  readonly #routers: Router[] = []
  readonly #rewriteUrl: Rewrite | undefined

  /** @param urls of all routes, as they were declared */
  constructor (app: FastifyInstance, urls: Iterable<string>) {
    this.#app = app
    this.#rewriteUrl = rewriterOf(app)
    // Earlier versions of Fastify 5 have the options of the router among their own.
    const known = { ...app.initialConfig, ...app.initialConfig.routerOptions } as Record<string, unknown>
    this.#options = Object.fromEntries(OPTIONS.map(name => [name, known[name]]))
    this.#routers.push(FindMyWay(this.#options))
    for (const url of new Set(urls)) this.#add(url)
  }

  /** Whether the request may be for a WebSocket route. Leaves it as it was, and does not throw. */
  has (request: IncomingMessage | Http2ServerRequest): boolean {
    const url = this.#rewrite(request)
    return url !== null && this.#routers.some(router => router.find('GET', url) !== null)
  }

  /** Two URLs that are one without their constraints have a router each; to Fastify's they are two. */
  #add (url: string): void {
    try {
      this.#routers[0]!.on('GET', url, () => {})
    } catch {
      const router = FindMyWay(this.#options)
      router.on('GET', url, () => {})
      this.#routers.push(router)
    }
  }

  /** The URL that Fastify will look for; null if it will find none. */
  #rewrite (request: IncomingMessage | Http2ServerRequest): string | null {
    const { url } = request
    if (this.#rewriteUrl === undefined) return url!
    let rewritten: unknown = null
    try {
      rewritten = this.#rewriteUrl.call(this.#app, request)
    } catch {
      // Fastify would find out when it is asked.
    }
    request.url = url!
    return typeof rewritten === 'string' ? rewritten : null
  }
}

/** `rewriteUrl` of the options of an app, which Fastify keeps to itself. Its children inherit them. */
function rewriterOf (app: FastifyInstance): Rewrite | undefined {
  let symbol: symbol | undefined
  for (let one = app; symbol === undefined && one !== null; one = Object.getPrototypeOf(one)) {
    symbol = Object.getOwnPropertySymbols(one).find(({ description }) => description === 'fastify.options')
  }
  return (app as unknown as Record<symbol, { rewriteUrl?: Rewrite }>)[symbol!]?.rewriteUrl
}
