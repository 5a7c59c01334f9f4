import type { Keys } from './keys.ts'
import { UniqueTexts } from './position.ts'
import { beat, retire } from './scripts/members.ts'
import type { Store } from './store.ts'

/** Milliseconds between two looks for processes that are gone, at most. */
const MOST_INTERVAL = 1000

export interface NodesEvents {
  /** This process was taken for gone. It has a new name from now on, and whoever knows the old one may forget it. */
  onReplaced (): Promise<void>
  /** A process is gone, and nobody else is told. Resolves with whether anything was left of it. */
  onGone (node: string): Promise<boolean>
  /** The store has heard that this process lives. */
  onBeat (): Promise<void>
}

/** The processes that are connected to the store, each with a lease that it renews. */
export class Nodes {
  readonly #store: Store
  readonly #keys: Keys
  readonly #lease: number
  readonly #events: NodesEvents
  readonly #names = new UniqueTexts()
  /** The name of this process. */
  #own = this.#names.next()
  /** Whether the store knows it: `replaced`, if it has another name by now, and not everything has been done about that. */
  #state: 'unknown' | 'known' | 'replaced' = 'unknown'
  #timer: NodeJS.Timeout | null = null
  #isClosed = false

  constructor (store: Store, keys: Keys, lease: number, events: NodesEvents) {
    this.#store = store
    this.#keys = keys
    this.#lease = lease
    this.#events = events
  }

  get own (): string {
    return this.#own
  }

  /** The store is there: from now on the lease is renewed. */
  async begin (): Promise<void> {
    await this.#beat()
    this.#schedule()
  }

  /** The lease ends soon. */
  async close (grace: number): Promise<void> {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#state !== 'unknown') await this.#store.run(retire, 0, [this.#keys.nodes], [this.#own, String(grace)])
  }

  #schedule (): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#isClosed) return
    this.#timer = setTimeout(() => this.#again(), Math.min(MOST_INTERVAL, this.#lease / 3)).unref()
  }

  async #again (): Promise<void> {
    // Until the next time, if that fails. If the store is not there, it is said elsewhere.
    await this.#beat().catch(() => {})
    this.#schedule()
  }

  async #beat (): Promise<void> {
    const [isUnknown, ...gone] = await this.#run(this.#state === 'unknown' ? 'new' : 'known')
    if (this.#state === 'unknown') {
      this.#state = 'known'
    } else if (isUnknown === 1) {
      // Whoever has removed us is still busy with the old name, or with what we called just before. So it is not used any more.
      this.#state = 'replaced'
      this.#own = this.#names.next()
      await this.#run('new')
    }
    for (const name of gone as Buffer[]) void this.#remove(name.toString())
    try {
      if (this.#state === 'replaced') {
        await this.#events.onReplaced()
        this.#state = 'known'
      }
      await this.#events.onBeat()
    } catch {
      // Once more with the next beat. What fails for one topic is no reason to do without the store.
    }
  }

  #run (as: 'new' | 'known'): Promise<Array<number | Buffer>> {
    const args = [this.#own, String(this.#lease), as]
    return this.#store.run(beat, 0, [this.#keys.nodes, this.#keys.gone], args) as Promise<Array<number | Buffer>>
  }

  /** If this fails, somebody finds the name once more. */
  async #remove (name: string): Promise<void> {
    try {
      if (!await this.#events.onGone(name)) await this.#store.send(0, ['ZREM', this.#keys.gone, name])
    } catch {
      // The name is still in the store.
    }
  }
}
