import type { CloseInfo } from '../../types/socket.ts'
import { CloseCode } from '../protocol/close-code.ts'

/** How a connection has ended that came to no closing. */
export function cutByPeer (): CloseInfo {
  return { code: CloseCode.ABNORMAL, reason: '', wasClean: false, initiator: 'remote' }
}

/** The end of a connection: what is known of it, and the time that is left for it. */
export class Closing {
  wasClean = false
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
