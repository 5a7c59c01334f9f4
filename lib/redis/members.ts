import type { BackplaneEvents, StoredMember } from '../../types/backplane.ts'
import { decoded, encoded, type Keys, PARTITIONS } from './keys.ts'
import { Nodes } from './nodes.ts'
import { join, leave, reap } from './scripts/members.ts'
import type { Store } from './store.ts'

/** At most so many members are in one call. */
const MOST_MEMBERS = 128

type MembersEvents = Pick<BackplaneEvents, 'onGone' | 'onBack'>

/** A member in a topic. */
interface Entry {
  readonly topic: string
  readonly member: StoredMember
  /** Whether it has been told that it is there. */
  isKnown: boolean
}

/** Who is in the topics, in all processes. */
export class Members {
  readonly #store: Store
  readonly #keys: Keys
  readonly #events: MembersEvents
  readonly #nodes: Nodes
  /** Those who are to be in this process, by topic and id. */
  readonly #own = new Map<string, Entry>()
  /** Those who are not, but whose call has failed: it may have been carried out, or not. */
  readonly #strays = new Map<string, Entry>()

  constructor (store: Store, keys: Keys, lease: number, events: MembersEvents) {
    this.#store = store
    this.#keys = keys
    this.#events = events
    this.#nodes = new Nodes(store, keys, lease, {
      onReplaced: () => this.#joinAgain(),
      onGone: node => this.#remove(node),
      onBeat: () => this.#removeStrays()
    })
  }

  /** The store is there, for the first time or once more. */
  begin (): Promise<void> {
    return this.#nodes.begin()
  }

  async join (topic: string, member: StoredMember): Promise<boolean> {
    if (!this.#store.isConnected) throw new Error('not connected')
    const key = keyOf(topic, member.id)
    const before = this.#own.get(key)
    const entry = { topic, member, isKnown: (before ?? this.#strays.get(key))?.isKnown === true }
    this.#own.set(key, entry)
    this.#strays.delete(key)
    let isNew = false
    for (;;) {
      const node = this.#nodes.own
      try {
        const [answer] = await this.#join(node, [entry])
        isNew ||= answer!
      } catch (error) {
        // Otherwise it has left or joined once more since, and that decides.
        if (this.#own.get(key) === entry) this.#withdraw(key, entry, before)
        throw error
      }
      // Meanwhile this process may have been taken for gone, and got another name: nobody looks after those of the old one.
      if (node === this.#nodes.own) break
    }
    entry.isKnown = true
    return isNew
  }

  /** It has not joined. */
  #withdraw (key: string, entry: Entry, before: Entry | undefined): void {
    if (before !== undefined) {
      this.#own.set(key, before)
      return
    }
    this.#own.delete(key)
    this.#strays.set(key, entry)
  }

  async leave (topic: string, id: string): Promise<boolean> {
    const key = keyOf(topic, id)
    const entry = this.#own.get(key)
    this.#own.delete(key)
    try {
      const [isGone] = await this.#leave([entry ?? { topic, member: { id, info: '' }, isKnown: false }])
      return isGone!
    } catch (error) {
      if (entry !== undefined && !this.#own.has(key)) this.#strays.set(key, entry)
      throw error
    }
  }

  async members (topic: string): Promise<StoredMember[]> {
    const { partition, members } = this.#keys.of(topic)
    const reply = await this.#store.send(partition, ['HGETALL', members]) as Buffer[]
    const found: Array<{ place: number, member: StoredMember }> = []
    for (let i = 0; i < reply.length; i += 2) {
      const field = reply[i]!.toString()
      if (field === '#') continue
      const value = reply[i + 1]!.toString()
      const line = value.indexOf('\n')
      found.push({ place: parseInt(value, 10), member: { id: decoded(field.slice(1)), info: value.slice(line + 1) } })
    }
    return found.sort((one, other) => one.place - other.place).map(({ member }) => member)
  }

  async count (topic: string): Promise<number> {
    const { partition, members } = this.#keys.of(topic)
    const fields = await this.#store.send(partition, ['HLEN', members])
    return Math.max(0, fields as number - 1)
  }

  /** Nobody is looked after any more. The members stay for a moment. */
  close (grace: number): Promise<void> {
    return this.#nodes.close(grace)
  }

  /** This process was taken for gone, and has a new name. */
  async #joinAgain (): Promise<void> {
    this.#strays.clear()
    const node = this.#nodes.own
    await Promise.all(this.#store.batches([...this.#own.values()], MOST_MEMBERS).map(async some => {
      const answers = await this.#join(node, some)
      for (const [i, { topic, member, isKnown }] of some.entries()) {
        if (answers[i] === true && isKnown) this.#events.onBack(topic, member)
      }
    }))
  }

  async #removeStrays (): Promise<void> {
    await Promise.all(this.#store.batches([...this.#strays.values()], MOST_MEMBERS).map(async some => {
      const answers = await this.#leave(some)
      for (const [i, stray] of some.entries()) {
        const key = keyOf(stray.topic, stray.member.id)
        // It may have joined, or become a stray, once more.
        if (this.#strays.get(key) !== stray) continue
        this.#strays.delete(key)
        if (answers[i] === true && stray.isKnown) this.#events.onGone(stray.topic, stray.member)
      }
    }))
  }

  /**
   * Removes all that a process which is gone has left.
   *
   * @returns whether there was anything
   */
  async #remove (node: string): Promise<boolean> {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    const found = await Promise.all(partitions.map(async partition => {
      const key = this.#keys.topicsOf(node, partition)
      const topics = await this.#store.send(partition, ['HKEYS', key]) as Buffer[]
      await Promise.all(topics.map(async name => this.#reap(node, partition, decoded(name.toString()))))
      return topics.length > 0
    }))
    return found.includes(true)
  }

  async #reap (node: string, partition: number, topic: string): Promise<void> {
    const keys = [this.#keys.of(topic).members, this.#keys.topicsOf(node, partition)]
    const reply = await this.#store.run(reap, partition, keys, [node, encoded(topic)]) as Buffer[]
    for (let i = 0; i < reply.length; i += 2) {
      this.#events.onGone(topic, { id: decoded(reply[i]!.toString()), info: reply[i + 1]!.toString() })
    }
  }

  /** @returns for each, whether it is new in all processes */
  #join (node: string, entries: readonly Entry[]): Promise<boolean[]> {
    const args = entries.flatMap(({ topic, member }) => [encoded(topic), encoded(member.id), member.info])
    return this.#run(join, node, entries, args)
  }

  /** @returns for each, whether it is gone from all processes */
  #leave (entries: readonly Entry[]): Promise<boolean[]> {
    return this.#run(leave, this.#nodes.own, entries, entries.flatMap(({ topic, member }) => [encoded(topic), encoded(member.id)]))
  }

  async #run (script: typeof join, node: string, entries: readonly Entry[], args: string[]): Promise<boolean[]> {
    const topics = entries.map(({ topic }) => this.#keys.of(topic))
    const keys = topics.flatMap(({ members, partition }) => [members, this.#keys.topicsOf(node, partition)])
    const reply = await this.#store.run(script, topics[0]!.partition, keys, [node, ...args])
    return (reply as number[]).map(answer => answer === 1)
  }
}

function keyOf (topic: string, id: string): string {
  return `${topic.length} ${topic}${id}`
}
