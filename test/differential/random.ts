import { generator } from '../support/splits.ts'

export type Weights<T extends string> = Partial<Record<T, number>>

/** Choices that are the same for the same seed. */
export class Random {
  readonly #next: () => number

  constructor (seed: number) {
    this.#next = generator(seed)
  }

  /** A whole number from 0 to `below` - 1. */
  int (below: number): number {
    return Math.floor(this.#next() * below)
  }

  chance (probability: number): boolean {
    return this.#next() < probability
  }

  pick<T> (from: ArrayLike<T>): T {
    return from[this.int(from.length)]!
  }

  /** One of the names, each as often as its weight says. */
  weighted<T extends string> (weights: Weights<T>): T {
    const entries = Object.entries(weights) as Array<[T, number]>
    let at = this.int(1e6) / 1e6 * entries.reduce((sum, [, weight]) => sum + weight, 0)
    return (entries.find(([, weight]) => (at -= weight) < 0) ?? entries.at(-1)!)[0]
  }

  bytes (length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let i = 0; i < length; i++) bytes[i] = this.int(256)
    return bytes
  }
}
