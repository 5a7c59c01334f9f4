import { CloseCode } from '../contract/close-code.ts'
import type { CloseInfo } from '../contract/socket.ts'

/*
 * The closing handshake (RFC 6455 §7.1), in the order in which it goes. From GOING_AWAY on our close frame has been sent.
 * In GOING_AWAY messages are still handed on: the peer has sent them before it could know. In CLOSE_SENT frames are only
 * read for the peer's close frame. In ENDING nothing more is read or written, and the transport is on its way down.
 */
export const OPEN = 0
export const GOING_AWAY = 1
export const CLOSE_SENT = 2
export const ENDING = 3
export const CLOSED = 4

/** How a connection has ended that came to no closing. */
export function cutByPeer (): CloseInfo {
  return { code: CloseCode.ABNORMAL, reason: '', wasClean: false, initiator: 'remote' }
}

/** The end of a connection: what is known of it, and the time that is left for it. */
export class Closing {
  wasClean = false
  /** Whether the peer is to get our close frame, whatever the consumer does. */
  isOwed = false
  #code: number = CloseCode.ABNORMAL
  #reason = ''
  #initiator: CloseInfo['initiator'] = 'remote'
  readonly #timer: NodeJS.Timeout

  /** @param giveUp called unless it comes to its end in so many milliseconds */
  constructor (timeout: number, giveUp: () => void) {
    this.#timer = setTimeout(giveUp, timeout)
  }

  /** The first close frame, whoever sent it. */
  begin (initiator: CloseInfo['initiator'], code: number, reason: string): void {
    this.#initiator = initiator
    this.#code = code
    this.#reason = reason
  }

  /** We have cut the connection. */
  cut (): void {
    this.#initiator = 'local'
  }

  /** The transport is gone. */
  end (): CloseInfo {
    clearTimeout(this.#timer)
    return { code: this.#code, reason: this.#reason, wasClean: this.wasClean, initiator: this.#initiator }
  }
}
