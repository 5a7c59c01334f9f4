import type { DrainOptions, PluginOptions } from '../../types/options.ts'
import type { TimerWheel } from '../connection/timer-wheel.ts'
import { createLimiter, type Limiter } from './limits.ts'
import { LiveSet } from './live-set.ts'
import { Unfinished } from './unfinished.ts'

/** One registration of the plugin: its options and the live sockets of its routes. */
export class Scope {
  readonly options: PluginOptions
  /** How `app.close()` ends the connections. */
  readonly drain: Required<DrainOptions>
  /** Shared by all scopes of the app. */
  readonly wheel: TimerWheel
  readonly live = new LiveSet()
  readonly unfinished = new Unfinished()
  /** Null if there is no limit for all routes together. */
  readonly limiter: Limiter | null
  /** Whether the server is shutting down: it then opens no more sockets. */
  closing = false

  constructor (options: PluginOptions, drain: Required<DrainOptions>, wheel: TimerWheel) {
    this.options = options
    this.drain = drain
    this.wheel = wheel
    this.limiter = createLimiter(options.limits)
  }
}
