import { generator } from '../support/splits.ts'

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

  bytes (length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let i = 0; i < length; i++) bytes[i] = this.int(256)
    return bytes
  }
}
