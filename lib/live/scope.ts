import type { DrainOptions, PluginOptions } from '../../types/options.ts'
import type { SocketSet, SocketStats } from '../../types/socket.ts'
import type { TimerWheel } from '../connection/timer-wheel.ts'
import { drainOptions } from '../plugin/options.ts'
import { createLimiter, type Limiter } from './limits.ts'
import type { RouteSocket } from './live-socket.ts'
import { includeOpen, sum, Tally } from './stats.ts'
import { Unfinished } from './unfinished.ts'

/** What one registration of the plugin holds: its options and the live sockets of the routes it serves. */
export class Scope {
  readonly options: PluginOptions
  /** How `app.close()` ends the connections. */
  readonly drain: Required<DrainOptions>
  /** Of the whole server. */
  readonly wheel: TimerWheel
  readonly sockets = new Set<RouteSocket>()
  readonly unfinished = new Unfinished()
  /** Null: no limit for all routes together. */
  readonly limiter: Limiter | null
  /** The server is shutting down: no socket is opened any more. */
  closing = false
  /** `app.sockets`. */
  readonly view: SocketSet

  readonly #tallies = new Map<string, Tally>()

  constructor (options: PluginOptions, wheel: TimerWheel) {
    this.options = options
    this.drain = drainOptions(options.drain)
    this.wheel = wheel
    this.limiter = createLimiter(options.limits)
    const { sockets } = this
    this.view = {
      get size () { return sockets.size },
      [Symbol.iterator]: () => sockets.values() as Iterator<any>,
      stats: () => this.#stats()
    }
  }

  /** The tally of a route: one for each URL. */
  tally (url: string): Tally {
    const tally = this.#tallies.get(url) ?? new Tally()
    this.#tallies.set(url, tally)
    return tally
  }

  #stats (): SocketStats {
    const figures = new Map(Array.from(this.#tallies.values(), tally => [tally, tally.figures()]))
    for (const socket of this.sockets) includeOpen(figures.get(socket.tally)!, socket)
    const routes = Object.fromEntries(Array.from(this.#tallies, ([url, tally]) => [url, figures.get(tally)!]))
    return { ...sum([...figures.values()]), routes }
  }
}
