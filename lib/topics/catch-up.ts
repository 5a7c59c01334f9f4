import { setImmediate } from 'node:timers'
import type { Engine } from '../backplane/engine.ts'
import type { Channel } from './channel.ts'
import { askUntilAnswered, type Chunk, chunkOf, readHistory } from './history-reader.ts'
import type { Policy } from './policy.ts'
import type { Publication } from './publication.ts'
import type { Subscribing } from './subscribing.ts'

/** Whoever reads the history, as it is needed for that. */
export interface Reading {
  readonly channel: Channel
  readonly receiver: Subscribing
  readonly name: string | null
  readonly isBehind: boolean
  /** Whether the socket has too much to send already: then whoever reads is told when it has drained. */
  waitsIfCongested (): boolean
  /** It has been given everything up to this number. */
  caughtUp (upTo: number): void
  /** What it has missed is not in the history any more. */
  fellOut (): void
}

/** Reads the history of a topic, as long as a socket can take it. */
export class CatchUp {
  /** The position of the last message that the socket was given, while it is not given what is published. */
  at = ''
  readonly #reading: Reading
  readonly #engine: Engine<Publication>
  /** What comes before that which is read from the history. */
  #next: Chunk | null = null

  constructor (reading: Reading, engine: Engine<Publication>) {
    this.#reading = reading
    this.#engine = engine
  }

  /** @param next what is sent before anything is read */
  begin (next: Chunk | null): void {
    this.#next = next
  }

  end (): void {
    this.#next = null
  }

  /** Sends a part in each turn, until the socket has too much to send or has everything. Nobody calls it meanwhile. */
  async read (): Promise<void> {
    const reading = this.#reading
    for (let isFirst = true; ; isFirst = false) {
      // The answer may come at once.
      if (!isFirst) await new Promise(resolve => { setImmediate(resolve) })
      const chunk = this.#next ?? await this.#readChunk()
      this.#next = null
      if (!reading.isBehind) return
      if (chunk === null) {
        reading.fellOut()
        return
      }
      if (!this.#send(chunk)) return
      // At once: what is published from now on is announced to whoever has caught up.
      if (chunk.upTo >= reading.channel.seq) {
        reading.caughtUp(chunk.upTo)
        return
      }
      if (reading.waitsIfCongested()) return
    }
  }

  /** An engine that cannot be reached is waited for, as long as somebody reads. */
  async #readChunk (): Promise<Chunk | null> {
    const reading = this.#reading
    const { channel } = reading
    const ask = <Answer>(question: () => Promise<Answer>): Promise<Answer> => {
      return askUntilAnswered(this.#engine, question, () => reading.isBehind)
    }
    try {
      const chunk = await ask(() => readHistory(this.#engine, channel, this.at))
      const limit = mayMiss(channel.policy)
      if (chunk !== null || limit === 0) return chunk
      const last = await ask(() => this.#engine.last(channel.name, channel.policy.retention!, limit))
      return chunkOf(last, last.at(-1) ?? channel)
    } catch {
      return null
    }
  }

  /** @returns whether all of it could be sent */
  #send ({ messages, at }: Chunk): boolean {
    const { receiver } = this.#reading
    for (const numbered of messages) {
      if (!this.#reading.isBehind) return false
      if (this.#reading.waitsIfCongested()) {
        // Kept, and only this one: nothing that the history forgets meanwhile may make it seem that this was missed.
        this.#next = chunkOf([numbered])
        return false
      }
      this.at = numbered.at
      const { except } = numbered.message
      if (except === null || except !== this.#reading.name) receiver.transmit(numbered, true)
    }
    this.at = at
    return this.#reading.isBehind
  }
}

/** How many of the last messages whoever reads too slowly gets; 0: it may not miss any. */
function mayMiss ({ overflow, retention }: Policy): number {
  if (overflow === 'latest') return 1
  return overflow === 'drop' ? retention!.size : 0
}
