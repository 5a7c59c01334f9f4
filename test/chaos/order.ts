/** What the handler of one connection has seen of numbered messages: each comes once, and in its order. */
export class Order {
  /** Who it is, for a fault. */
  name: string
  readonly #faults: string[]
  /** The latest number that any consumer has seen; those that listen side by side share it. */
  readonly #latest: { n: number }
  #mine = 0

  constructor (name: string, faults: string[], latest = { n: 0 }) {
    this.name = name
    this.#faults = faults
    this.#latest = latest
  }

  /** One of those that listen side by side: each gets every message once. */
  consumer (): Order {
    return new Order(this.name, this.#faults, this.#latest)
  }

  seen (n: number): void {
    const { n: latest } = this.#latest
    if (n !== latest + 1 && n !== latest) this.fault(`message ${n} came after ${latest}`)
    else if (n === this.#mine) this.fault(`message ${n} came twice`)
    this.#mine = n
    this.#latest.n = n
  }

  /** For a consumer that asks for messages and does not look at all of them. */
  skip (n: number): void {
    if (n <= this.#latest.n) this.fault(`message ${n} came after ${this.#latest.n}`)
    this.#latest.n = n
  }

  fault (text: string): void {
    if (this.#faults.length < 50) this.#faults.push(`${this.name}: ${text}`)
  }
}
