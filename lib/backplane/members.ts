import type { BackplaneDriver, StoredMember } from '../../types/backplane.ts'
import { Deadlines } from './deadlines.ts'

/** Milliseconds until the engine is told once more. */
const RETRY_AFTER = 1000

interface Owed {
  readonly topic: string
  readonly member: StoredMember
}

/** The members of this process. Those whose leaving the engine could not be told are told once more, until it takes it. */
export class Members {
  readonly #driver: BackplaneDriver
  readonly #onGone: (topic: string, member: StoredMember) => void
  /** What each has told, by topic and id. */
  readonly #own = new Map<string, Owed>()
  readonly #owed = new Map<string, Owed>()
  readonly #isReachable: () => boolean
  readonly #retries = new Deadlines<string>(RETRY_AFTER, key => { if (this.#isReachable()) this.#redo(key) })

  /**
   * @param onGone is told of those who could only leave later
   * @param isReachable whether the engine is: otherwise `redo` is called when it is
   */
  constructor (driver: BackplaneDriver, onGone: (topic: string, member: StoredMember) => void, isReachable: () => boolean) {
    this.#driver = driver
    this.#onGone = onGone
    this.#isReachable = isReachable
  }

  async join (topic: string, member: StoredMember): Promise<boolean> {
    const key = keyOf(topic, member.id)
    this.#owed.delete(key)
    this.#own.set(key, { topic, member })
    return this.#driver.join(topic, member)
  }

  async leave (topic: string, id: string): Promise<boolean> {
    const key = keyOf(topic, id)
    const own = this.#own.get(key)
    this.#own.delete(key)
    try {
      return await this.#driver.leave(topic, id)
    } catch (error) {
      if (own !== undefined) this.#owe(key, own)
      throw error
    }
  }

  /** The engine is up again. */
  redo (): void {
    for (const key of this.#owed.keys()) this.#redo(key)
  }

  close (): void {
    this.#retries.close()
  }

  #redo (key: string): void {
    const one = this.#owed.get(key)
    if (one === undefined) return
    this.#owed.delete(key)
    void this.#leaveAgain(key, one)
  }

  async #leaveAgain (key: string, one: Owed): Promise<void> {
    const { topic, member } = one
    try {
      if (await this.#driver.leave(topic, member.id)) this.#onGone(topic, member)
    } catch {
      this.#owe(key, one)
    }
  }

  #owe (key: string, one: Owed): void {
    // It has joined again.
    if (this.#own.has(key)) return
    this.#owed.set(key, one)
    this.#retries.start(key)
  }
}

function keyOf (topic: string, id: string): string {
  return `${topic.length} ${topic}${id}`
}
