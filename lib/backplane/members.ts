import type { BackplaneDriver, StoredMember } from '../../types/backplane.ts'

interface Owed {
  readonly topic: string
  readonly member: StoredMember
}

/** The members of this process. Those whose leaving the engine could not be told are told once more when it is up again. */
export class Members {
  readonly #driver: BackplaneDriver
  readonly #onGone: (topic: string, member: StoredMember) => void
  /** What each has told, by topic and id. */
  readonly #own = new Map<string, Owed>()
  readonly #owed = new Map<string, Owed>()

  /** @param onGone is told of those who could only leave later */
  constructor (driver: BackplaneDriver, onGone: (topic: string, member: StoredMember) => void) {
    this.#driver = driver
    this.#onGone = onGone
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
      if (own !== undefined && !this.#own.has(key)) this.#owed.set(key, own)
      throw error
    }
  }

  /** The engine is up again. */
  redo (): void {
    const owed = [...this.#owed]
    this.#owed.clear()
    for (const [key, one] of owed) void this.#leaveAgain(key, one)
  }

  async #leaveAgain (key: string, { topic, member }: Owed): Promise<void> {
    try {
      if (await this.#driver.leave(topic, member.id)) this.#onGone(topic, member)
    } catch {
      if (!this.#own.has(key)) this.#owed.set(key, { topic, member })
    }
  }
}

function keyOf (topic: string, id: string): string {
  return `${topic.length} ${topic}${id}`
}
