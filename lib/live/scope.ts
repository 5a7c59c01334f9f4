import type { DrainOptions, PluginOptions } from '../../types/options.ts'
import type { SocketSet } from '../../types/socket.ts'
import type { TimerWheel } from '../connection/timer-wheel.ts'
import { createLimiter, type Limiter } from './limits.ts'
import { LiveSet, publicSet } from './live-set.ts'
import { Unfinished } from './unfinished.ts'

/** What one registration of the plugin holds: its options and the live sockets of the routes it serves. */
export class Scope {
  readonly options: PluginOptions
  /** How `app.close()` ends the connections. */
  readonly drain: Required<DrainOptions>
  /** Of the whole server. */
  readonly wheel: TimerWheel
  readonly live = new LiveSet()
  readonly unfinished = new Unfinished()
  /** Null: no limit for all routes together. */
  readonly limiter: Limiter | null
  /** `app.sockets`. */
  readonly public: SocketSet = publicSet(this.live)
  /** The server is shutting down: no socket is opened any more. */
  closing = false

  constructor (options: PluginOptions, drain: Required<DrainOptions>, wheel: TimerWheel) {
    this.options = options
    this.drain = drain
    this.wheel = wheel
    this.limiter = createLimiter(options.limits)
  }
}
