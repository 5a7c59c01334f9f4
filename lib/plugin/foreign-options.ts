import type { FastifyInstance } from 'fastify'
import { FST_ERR_WS_OTHER_OPTION } from '../errors.ts'
import { kRegistration } from './registration.ts'
import type { AnyRouteOptions } from './declared-options.ts'

/** The options of @fastify/websocket, and what to write instead. */
const OPTIONS: Record<string, string> = { websocket: 'ws: true', wsHandler: 'ws: { handler }' }

/** Finds routes with options of @fastify/websocket where that is not registered: they would silently become HTTP routes. */
export class ForeignOptions {
  readonly #routes: Array<[instance: FastifyInstance, url: string, option: string]> = []

  note (instance: FastifyInstance, options: AnyRouteOptions & Record<string, unknown>): void {
    const option = Object.keys(OPTIONS).find(name => options[name])
    if (option !== undefined) this.#routes.push([instance, options.url, option])
  }

  /**
   * Called when everything is declared.
   *
   * @throws {FST_ERR_WS_OTHER_OPTION}
   */
  check (): void {
    for (const [instance, url, option] of this.#routes) {
      const isOurs = kRegistration in instance
      if (isOurs && !('websocketServer' in instance)) throw new FST_ERR_WS_OTHER_OPTION(url, option, OPTIONS[option]!)
    }
  }
}
