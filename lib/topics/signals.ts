import type { MessageCodec } from '../backplane/following.ts'
import type { Engine } from '../backplane/engine.ts'
import { type Publication, ValuePublication } from './publication.ts'

/** What one process asks of all others. */
export type Signal =
  | { readonly do: 'send', readonly user: string | null, readonly message: unknown }
  | { readonly do: 'close', readonly user: string, readonly code: number, readonly reason: string }

/** Ends the JSON in front of a message: it contains no such byte. */
const END = 0x0a

/** Asks all other processes for something that concerns no topic: JSON, and a message as topics have it behind a line feed. */
export class Signals {
  readonly #engine: Engine<Publication>
  readonly #codec: MessageCodec<Publication>

  constructor (engine: Engine<Publication>, codec: MessageCodec<Publication>) {
    this.#engine = engine
    this.#codec = codec
  }

  /**
   * Does it here, and has it done everywhere else.
   *
   * @throws {FST_ERR_WS_INVALID_PUBLISH} before anything is done, if the message cannot be sent to other processes
   */
  async send (signal: Signal, here: () => void): Promise<void> {
    const bytes = this.#engine.name === null ? null : this.#encode(signal)
    try {
      here()
    } finally {
      // What a socket of this process cannot be sent, those of others may take.
      if (bytes !== null) await this.#engine.signal(bytes)
    }
  }

  /** @returns null: it cannot be read, because another version or something else has sent it */
  read (bytes: Uint8Array): Signal | null {
    const end = bytes.indexOf(END)
    if (end < 0) return null
    try {
      const head = JSON.parse(Buffer.from(bytes.subarray(0, end)).toString())
      if (head.do === 'close') return head
      const message = this.#codec.decode(bytes.subarray(end + 1))
      return head.do === 'send' && message !== null ? { ...head, message: message.value('') } : null
    } catch {
      return null
    }
  }

  #encode (signal: Signal): Uint8Array {
    if (signal.do === 'close') return Buffer.from(`${JSON.stringify(signal)}\n`)
    const { message, ...head } = signal
    return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), this.#codec.encode(new ValuePublication(message, null), 0)])
  }
}
