/** The longest delay that Node's timers accept, in milliseconds. */
export const LONGEST_DELAY = 2 ** 31 - 1

/** The longest time between two turns, in milliseconds. */
const LONGEST_TICK = 250
/** How many turns the shortest delay takes: a check is late by at most a fiftieth of it. */
const TURNS_PER_DELAY = 50
/** A member that is due in more turns than this is checked early, and put off. */
const SLOTS = 256

type Slot = Set<WheelMember>

/** Something that a wheel checks. */
export interface WheelMember {
  /** Kept by the wheel. */
  slot: Slot | null
  /**
   * The member is due. It may remove itself or others.
   *
   * @returns turns until the next check; 0 for none
   */
  check (now: number): number
}

/**
 * One timer for any number of members, each to be checked after a delay of its own. A turn costs only what the members
 * due in it cost. The timer runs only while there are members, and does not keep the process alive.
 *
 * Time is counted in turns. A process that was busy for long has made few turns, so a peer is not called silent while its
 * bytes have yet to be read.
 */
export class TimerWheel {
  /** Turns since the start. */
  now = 0

  #tick = LONGEST_TICK
  readonly #slots: Slot[] = Array.from({ length: SLOTS }, () => new Set())
  #size = 0
  #timer: NodeJS.Timeout | null = null

  /** Makes the turns short enough for a delay in milliseconds. Call it before adding the first member. */
  serve (delay: number): void {
    this.#tick = Math.max(1, Math.min(this.#tick, Math.floor(delay / TURNS_PER_DELAY)))
  }

  /** How many turns a delay in milliseconds takes, rounded up. */
  turns (delay: number): number {
    return Math.ceil(delay / this.#tick)
  }

  /** @param turns until the first check; at least 1 */
  add (member: WheelMember, turns: number): void {
    this.#size++
    this.#place(member, turns)
    this.#timer ??= setInterval(() => this.#turn(), this.#tick).unref()
  }

  /** Does nothing if the member is not in the wheel. */
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
