import type { ClientSocket } from '../../lib/client/types.ts'
import type { Begun, Numbered } from './feed.ts'

/** Follows a feed with one socket, and knows what may come next. */
export class Witness {
  /** The number of the last message. */
  last: number
  /** How often the server said that what was missed is lost. */
  lost = 0
  begun = 0
  readonly faults: string[] = []
  readonly socket: ClientSocket
  readonly ended: Promise<void>
  readonly #mayLose: () => boolean
  #mayJump = false

  /**
   * @param last the number of the last message that the client has
   * @param mayLose whether what was missed can be lost
   * @param pause awaited behind each message by a consumer that takes its time; null: listeners
   */
  constructor (socket: ClientSocket, last: number, mayLose: () => boolean, pause: null | (() => Promise<unknown> | null)) {
    this.socket = socket
    this.last = last
    this.#mayLose = mayLose
    socket.on('error', error => { this.faults.push(`an error: ${error.stack}`) })
    if (pause === null) socket.on('message', message => this.#take(message))
    this.ended = pause === null ? socket.closed.then(() => {}) : this.#read(pause)
  }

  async #read (pause: () => Promise<unknown> | null): Promise<void> {
    for await (const message of this.socket) {
      this.#take(message)
      await pause()
    }
  }

  #take (message: Begun | Numbered | string): void {
    if (typeof message === 'string') message = JSON.parse(message) as Begun | Numbered
    if ('begun' in message) {
      this.begun++
      if (message.recovered) return
      this.lost++
      this.#mayJump = true
      if (!this.#mayLose()) this.faults.push(`what came behind ${this.last} was not recovered`)
    } else if (message.n === this.last + 1 || (this.#mayJump && message.n > this.last)) {
      this.last = message.n
      this.#mayJump = false
    } else {
      this.faults.push(`message ${message.n} behind ${this.last}`)
    }
  }
}
