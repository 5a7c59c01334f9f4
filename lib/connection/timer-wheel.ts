/** The longest delay that a timer of Node takes, in milliseconds. */
export const LONGEST_DELAY = 2 ** 31 - 1

/** The longest time, in milliseconds, between two turns. */
const LONGEST_TICK = 250
/** How many turns the shortest delay takes: a check is late by a fiftieth of it at most. */
const TURNS_PER_DELAY = 50
/** What is due later than in so many turns is checked then, and put off. */
const SLOTS = 256

type Slot = Set<WheelMember>

/** What a wheel checks. */
export interface WheelMember {
  /** Kept by the wheel. */
  slot: Slot | null
  /**
   * It is time. It may remove itself or others.
   *
   * @returns the turns until the next check; 0 for none
   */
  check (now: number): number
}

/**
 * One timer for any number of members that each want to be looked at after a delay. A turn costs as much as the members
 * that are due in it. The timer runs only while there are members, and keeps no process alive.
 *
 * Time is counted in turns. A process that was busy for long makes few of them, so that no peer is called silent whose
 * bytes have not been read yet.
 */
export class TimerWheel {
  /** Turns since the start. */
  now = 0

  #tick = LONGEST_TICK
  readonly #slots: Slot[] = Array.from({ length: SLOTS }, () => new Set())
  #size = 0
  #timer: NodeJS.Timeout | null = null

  /** Makes the turns short enough for a delay of so many milliseconds. To be called before the first member joins. */
  serve (delay: number): void {
    this.#tick = Math.max(1, Math.min(this.#tick, Math.floor(delay / TURNS_PER_DELAY)))
  }

  /** The turns that a delay in milliseconds takes, at least. */
  turns (delay: number): number {
    return Math.ceil(delay / this.#tick)
  }

  /** @param turns until the first check; at least 1 */
  add (member: WheelMember, turns: number): void {
    this.#size++
    this.#place(member, turns)
    this.#timer ??= setInterval(() => this.#turn(), this.#tick).unref()
  }

  /** Without effect on what is not in the wheel. */
  remove (member: WheelMember): void {
    if (member.slot === null) return
    member.slot.delete(member)
    member.slot = null
    this.#size--
  }

  #place (member: WheelMember, turns: number): void {
    member.slot = this.#slots[(this.now + Math.min(turns, SLOTS - 1)) % SLOTS]!
    member.slot.add(member)
  }

  #turn (): void {
    this.now++
    const due = this.#slots[this.now % SLOTS]!
    for (const member of due) {
      const turns = member.check(this.now)
      if (turns === 0) {
        this.remove(member)
      } else if (member.slot !== null) {
        due.delete(member)
        this.#place(member, turns)
      }
    }
    if (this.#size === 0 && this.#timer !== null) {
      clearInterval(this.#timer)
      this.#timer = null
    }
  }
}
