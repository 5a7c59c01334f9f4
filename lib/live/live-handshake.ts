import type { OpeningOwner } from '../handshake/opening.ts'
import type { Life } from './life.ts'
import type { Request } from './live-socket.ts'
import { logError, logInfo } from './log.ts'

/** A handshake whose route is known. */
export class LiveHandshake implements OpeningOwner {
  readonly request: Request
  readonly timeout: number
  readonly #life: Life

  /** @param timeout milliseconds that hooks may take */
  constructor (request: Request, timeout: number, life: Life) {
    this.request = request
    this.timeout = timeout
    this.#life = life
  }

  onTimeout (): void {
    logInfo(this, { timeout: this.timeout }, "hooks take too long: see the WebSocket option 'handshakeTimeout'")
  }

  onError (error: unknown): void {
    logError(this, 'error', error, 'websocket handshake failed')
  }

  onRefused (statusCode: number | null): void {
    this.#life.refused(this.request, statusCode)
  }
}
