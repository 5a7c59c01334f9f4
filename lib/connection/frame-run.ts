import { at, type Due, TURN_END } from './due.ts'

/** The usual cost of a run, and the most that it may cost, in bytes. */
const RUN_COST = 16 * 1024
const MAX_RUN_COST = 4 * RUN_COST
/** Bytes that a frame costs besides its own, until the run is joined. */
const ENTRY_COST = 64

/** 2^32 divided by the golden ratio: its multiples modulo 2^32 are spread evenly, and so is any stretch of them. */
const GOLDEN = 0x9e37_79b9
let phase = 0

/**
 * Frames to be written one after another. Connections that write the same frames in the same order share one run, whose
 * bytes are joined only once.
 */
export class Run {
  readonly length: number
  readonly #cost: number
  /** The frames before the last one, whose bytes are `#bytes`. Null: `#bytes` are those of all frames. */
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
    // Not in Node's pool, which it would keep alive: it waits for slow peers.
    const joined = Buffer.allocUnsafeSlow(this.length)
    let end = this.length
    for (let run: Run | null = this; run !== null; run = run.#before) {
      end -= run.#bytes.length
      joined.set(run.#bytes, end)
    }
    this.#bytes = joined
    this.#before = null
  }
}

/** A whole frame, unmasked as a server sends it, for any number of connections. */
export class Frame implements Due {
  readonly bytes: Buffer
  /**
   * Whether a connection that has fallen behind begins a new run with this frame. From the next such frame on, slow
   * connections share their runs, no matter when each fell behind. The choice is as good as random, so that each
   * connection meets about one such frame in 16 KiB, whatever the others are sent.
   */
  readonly beginsRun: boolean
  readonly #alone: Run
  /** The run that this frame was last put behind in this turn, and the run that this made. */
  #before: Run | null = null
  #longer: Run | null = null

  constructor (bytes: Buffer) {
    this.bytes = bytes
    phase = (phase + GOLDEN) >>> 0
    this.beginsRun = phase < (bytes.length + ENTRY_COST) * (2 ** 32 / RUN_COST)
    this.#alone = new Run(null, bytes)
  }

  /** The run with this frame at its end. Calls in a row with the same run, in one turn, return the same object. */
  behind (run: Run | null): Run {
    if (run === null) return this.#alone
    if (run !== this.#before) {
      // Forgotten after this turn: a program may keep its messages.
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
