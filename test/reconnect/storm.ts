import type { Random, Weights } from '../differential/random.ts'
import type { Blow, Fate, RoughRelay } from './rough-relay.ts'

/** How a network treats new connections: each kind of weather prefers something. */
const WEATHERS: Record<string, Weights<Fate['kind']>> = {
  mixed: { passes: 6, refused: 1, answered: 1, cut: 3, silent: 1, slow: 1, dripping: 1 },
  fair: { passes: 1 },
  cutting: { passes: 1, cut: 4 },
  refusing: { refused: 2, answered: 2, passes: 1 },
  silent: { silent: 3, passes: 1 },
  slow: { slow: 1, dripping: 1 }
}

/** Longest time, in milliseconds, from one blow to the next. */
const PAUSE = 140

/** What a seed does to the connections of a relay. */
export class Storm {
  readonly counts: Record<string, number> = {}
  readonly #relay: RoughRelay
  readonly #random: Random
  #weather: Weights<Fate['kind']> = WEATHERS.mixed!
  #timer: NodeJS.Timeout | undefined

  constructor (relay: RoughRelay, random: Random) {
    this.#relay = relay
    this.#random = random
  }

  begin (): void {
    this.#relay.fate = () => this.#fate()
    this.#next()
  }

  /** New connections pass. Those that are there stay as they are, be it silent. */
  end (): void {
    clearTimeout(this.#timer)
    this.#relay.fate = () => ({ kind: 'passes' })
  }

  #next (): void {
    this.#timer = setTimeout(() => {
      if (this.#random.chance(0.25)) this.#weather = WEATHERS[this.#random.pick(Object.keys(WEATHERS))]!
      else this.#strike()
      this.#next()
    }, this.#random.int(PAUSE))
  }

  #strike (): void {
    const blow = this.#random.weighted<Blow>({ reset: 3, end: 2, silence: 2, delay: 2, stall: 2 })
    const isAll = this.#random.chance(0.3)
    const one = this.#random.int(1000)
    const { passages } = this.#relay
    if (passages.length === 0) return
    for (const passage of isAll ? passages : [passages[one % passages.length]!]) {
      this.#count(blow)
      passage.hit(blow)
    }
  }

  /** Often within the handshake's answer, or within the first frames. */
  #after (): number {
    return this.#random.chance(0.5) ? this.#random.int(200) : 130 + this.#random.int(6000)
  }

  #fate (): Fate {
    const kind = this.#random.weighted(this.#weather)
    this.#count(kind)
    if (kind === 'cut') return { kind, after: this.#after(), how: this.#random.pick(['reset', 'end'] as const) }
    if (kind === 'silent') return { kind, after: this.#after() }
    if (kind === 'slow') return { kind, delay: 1 + this.#random.int(60) }
    if (kind === 'answered') return { kind, status: this.#random.pick([502, 503, 429]) }
    return { kind }
  }

  #count (what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }
}
