import type { Observer } from '../live/life.ts'
import type { LiveSocket } from '../live/live-socket.ts'
import type { DuplexEnd } from './duplex-pair.ts'

/** What a route speaks in each direction: JSON, or raw text and bytes. */
export interface Speech {
  readonly sendsJson: boolean
  readonly receivesJson: boolean
}

/** Tells the client of a connection in memory that a route has opened it, and what the route speaks. */
export class Injected implements Observer {
  readonly #speech: Speech

  constructor (speech: Speech) {
    this.#speech = speech
  }

  opened ({ request }: LiveSocket): void {
    if (isInMemory(request.raw.socket)) request.raw.socket.onOpen!(this.#speech)
  }
}

/** Goes by the property, not by the class, which may come from another copy of this package. */
function isInMemory (socket: object): socket is DuplexEnd {
  return 'onOpen' in socket
}
