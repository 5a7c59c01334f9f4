import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import type { Ending } from '../client/types.ts'
import { endingOf, MAX_BODY, PATIENCE } from '../client/ending.ts'

/** Reads the answer that refuses a handshake, as much of it as comes in time. */
export class Refusal {
  readonly #response: Readable
  readonly #status: number
  readonly #retryAfter: number
  readonly #onRead: (ending: Ending) => void
  readonly #chunks: Buffer[] = []
  #size = 0
  readonly #timer: NodeJS.Timeout

  /** @param onRead called once, unless `stop` comes before */
  constructor (response: Readable, status: number, retryAfter: number, onRead: (ending: Ending) => void) {
    this.#response = response
    this.#status = status
    this.#retryAfter = retryAfter
    this.#onRead = onRead
    this.#timer = setTimeout(this.#finish, PATIENCE)
    response.on('data', this.#onData)
    response.on('end', this.#finish)
    response.on('close', this.#finish)
    // A body that is cut short: what has come of it has to do.
    response.on('error', this.#finish)
  }

  stop (): void {
    clearTimeout(this.#timer)
    this.#response.off('data', this.#onData)
    this.#response.off('end', this.#finish)
    this.#response.off('close', this.#finish)
    this.#response.off('error', this.#finish)
    // What fails from now on concerns nobody.
    this.#response.on('error', () => {})
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#size >= MAX_BODY) this.#finish()
  }

  readonly #finish = (): void => {
    this.stop()
    // Leaves out half a character at the end of what was cut.
    const body = new StringDecoder('utf8').write(Buffer.concat(this.#chunks).subarray(0, MAX_BODY))
    this.#onRead(endingOf({ initiator: 'remote', status: this.#status, body, retryAfter: this.#retryAfter }))
  }
}
