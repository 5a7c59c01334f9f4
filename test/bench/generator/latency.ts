import { createHistogram } from 'node:perf_hooks'
import type { Measurement } from '../measurement.ts'

/** The time from a message to its reply, on connections with one message in flight. Allocates nothing per message. */
export class Latency {
  readonly #sentAt: Float64Array
  readonly #histogram = createHistogram()

  constructor (connections: number) {
    this.#sentAt = new Float64Array(connections)
  }

  sent (connection: number): void {
    this.#sentAt[connection] = performance.now()
  }

  received (connection: number): void {
    this.record((performance.now() - this.#sentAt[connection]!) * 1e3)
  }

  record (micros: number): void {
    this.#histogram.record(Math.max(1, Math.round(micros * 1e3)))
  }

  reset (): void {
    this.#histogram.reset()
  }

  /** In microseconds. */
  percentiles (): Pick<Measurement, 'p50' | 'p99' | 'p999'> {
    const micros = (percentile: number): number => this.#histogram.percentile(percentile) / 1000
    return { p50: micros(50), p99: micros(99), p999: micros(99.9) }
  }
}
