import { at, type Due, TURN_END } from './due.ts'

/** What a run takes, about, and at most. */
const RUN_COST = 16 * 1024
const MAX_RUN_COST = 4 * RUN_COST
/** What a frame takes in a run that is not joined yet, besides its bytes. */
const ENTRY_COST = 64

/** The golden ratio's part of 2^32: steps of it are spread evenly, and so is whatever part of them one looks at. */
const GOLDEN = 0x9e37_79b9
let phase = 0

/**
 * Frames that one or many connections write one behind the other. Those that have the same frames in the same order
 * share the run, and its bytes are joined once for all of them.
 */
export class Run {
  readonly length: number
  readonly #cost: number
  /** Null: `#bytes` are those of all frames; otherwise those of the last one. */
  #before: Run | null
  #bytes: Buffer

  constructor (before: Run | null, last: Buffer) {
    this.length = last.length
    this.#cost = last.length + ENTRY_COST
    if (before !== null) {
      this.length += before.length
      this.#cost += before.#cost
    }
    this.#before = before
    this.#bytes = last
  }

  get isFull (): boolean {
    return this.#cost > MAX_RUN_COST
  }

  get bytes (): Buffer {
    if (this.#before !== null) this.#join()
    return this.#bytes
  }

  #join (): void {
    const joined = Buffer.allocUnsafe(this.length)
    let end = this.length
    for (let run: Run | null = this; run !== null; run = run.#before) {
      end -= run.#bytes.length
      joined.set(run.#bytes, end)
    }
    this.#bytes = joined
    this.#before = null
  }
}

/** A whole frame, as a server sends it, for any number of connections. */
export class Frame implements Due {
  readonly bytes: Buffer
  /**
   * Whether a connection that has fallen behind begins a new run with it. Whenever they fell behind, they share their runs
   * from the next such frame on. Which ones it is says a number that is as good as random, so that it does not matter
   * what else goes to others: of the frames of any connection one in 16 KiB, about.
   */
  readonly beginsRun: boolean
  readonly #alone: Run
  /** The run that it was put behind last in this turn, and what has come of it. */
  #before: Run | null = null
  #longer: Run | null = null

  constructor (bytes: Buffer) {
    this.bytes = bytes
    phase = (phase + GOLDEN) >>> 0
    this.beginsRun = phase < (bytes.length + ENTRY_COST) * (2 ** 32 / RUN_COST)
    this.#alone = new Run(null, bytes)
  }

  /** The run with this frame at its end: the same for all who ask one after the other in this turn. */
  behind (run: Run | null): Run {
    if (run === null) return this.#alone
    if (run !== this.#before) {
      // Not kept for longer: a program may keep its messages.
      if (this.#before === null) at(TURN_END, this)
      this.#before = run
      this.#longer = new Run(run, this.bytes)
    }
    return this.#longer!
  }

  onDue (): void {
    this.#before = null
    this.#longer = null
  }
}
