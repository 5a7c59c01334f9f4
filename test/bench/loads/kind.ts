import type { Measurement, Timing } from '../measurement.ts'
import type { ServerProcess } from '../server-process.ts'

/** What a server does with its messages; its script has a handler for each. */
export type Role = 'echo' | 'json' | 'fan-out' | 'topics'

/** A kind of load: all that the benchmark has to know of it. */
export interface Kind<Load> {
  unit: string
  /** Whether a smaller figure is a better one. */
  isLessBetter?: boolean
  /** Whether it may also be zero. */
  mayBeNothing?: true
  /** Whether each round has a server that has just been started. */
  isFresh?: boolean
  role: (load: Load) => Role
  name: (load: Load) => string
  /** The same load, small: it tells only whether the instrument works. */
  small: (load: Load) => Load
  /** Throws unless the server does what the load takes for granted: the load itself looks at headers only, if at that. */
  check: (server: ServerProcess, load: Load) => Promise<void>
  measure: (server: ServerProcess, load: Load, timing: Timing) => Promise<Measurement>
}

export function withTls (load: object): boolean {
  return 'tls' in load && load.tls === true
}

/** In the largest unit that divides it. */
export function bytes (size: number): string {
  if (size >= 1024 * 1024 && size % (1024 * 1024) === 0) return `${size / 1024 / 1024} MiB`
  if (size >= 1024 && size % 1024 === 0) return `${size / 1024} KiB`
  if (size >= 1e6 && size % 1e6 === 0) return `${size / 1e6} MB`
  return `${size} B`
}

export function grouped (count: number): string {
  return count.toLocaleString('en')
}
