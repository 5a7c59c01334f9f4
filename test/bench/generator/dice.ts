/** Numbers that look random and are the same in every run. */
export class Dice {
  #state: number

  constructor (seed: number) {
    this.#state = seed
  }

  below (limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return Math.floor(this.#state / 2 ** 32 * limit)
  }

  pick (list: string[]): string {
    return list[this.below(list.length)]!
  }

  /** The numbers from 0 to below `count`, in disorder. */
  shuffled (count: number): number[] {
    const numbers = Array.from({ length: count }, (_, n) => n)
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!]
    }
    return numbers
  }
}
