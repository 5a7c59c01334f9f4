import type { FastifyRequest } from 'fastify'
import type { RefusalMessage } from '../../types/diagnostics.ts'
import { refusals } from './diagnostics.ts'
import type { Seat } from './limits.ts'
import type { Tally } from './tally.ts'
import type { UpgradeHost } from './upgrade.ts'

/** A handshake that has a route. */
export class Handshake implements UpgradeHost {
  readonly request: FastifyRequest
  readonly timeout: number
  /** Null where nothing is limited. */
  seat: Seat | null = null

  readonly #tally: Tally

  /** @param timeout how long hooks may take, in milliseconds */
  constructor (request: FastifyRequest, tally: Tally, timeout: number) {
    this.request = request
    this.timeout = timeout
    this.#tally = tally
  }

  onTimeout (): void {
    this.request.log.info({ timeout: this.timeout }, "hooks take too long: see the WebSocket option 'handshakeTimeout'")
  }

  onRefused (statusCode: number | null): void {
    this.#tally.refused++
    if (this.seat !== null) {
      this.seat.handshakeEnded()
      this.seat.leave()
    }
    if (refusals.hasSubscribers) refusals.publish({ request: this.request, statusCode } satisfies RefusalMessage)
  }
}
