import type { Observer } from '../live/life.ts'
import type { LiveSocket } from '../live/live-socket.ts'
import type { DuplexEnd } from './duplex-pair.ts'

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
    if (isInMemory(request.raw.socket)) request.raw.socket.onOpen!(this.#speech)
  }
}

/** By what it has and not by its class: it may be that of another copy of this package. */
function isInMemory (socket: object): socket is DuplexEnd {
  return 'onOpen' in socket
}
