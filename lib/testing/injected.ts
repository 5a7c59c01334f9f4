import type { Observer } from '../live/life.ts'
import type { LiveSocket } from '../live/live-socket.ts'
import { DuplexEnd } from './duplex-pair.ts'

/** What a route speaks: JSON, or text and bytes. */
export interface Speech {
  readonly sendsJson: boolean
  readonly receivesJson: boolean
}

/** Tells the client of a connection in memory that a route has opened it, and what that speaks. */
export class Injected implements Observer {
  readonly #speech: Speech

  constructor (speech: Speech) {
    this.#speech = speech
  }

  opened ({ request }: LiveSocket): void {
    const { socket } = request.raw
    if (socket instanceof DuplexEnd) socket.onOpen!(this.#speech)
  }
}
