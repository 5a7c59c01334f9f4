import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RefusalMessage } from '../../types/diagnostics.ts'
import { FST_ERR_WS_HANDSHAKE_TIMEOUT } from '../errors.ts'
import { refusals } from './diagnostics.ts'
import type { Seat } from './limits.ts'
import type { Tally } from './tally.ts'
import type { UpgradeHost } from './upgrade.ts'

/** A handshake that has reached its route. */
export class Handshake implements UpgradeHost {
  readonly request: FastifyRequest
  readonly timeout: number
  /** Null where nothing is limited. */
  seat: Seat | null = null

  readonly #reply: FastifyReply
  readonly #tally: Tally
  #isAnswering = false

  /** @param timeout how long hooks may take, in milliseconds */
  constructor (request: FastifyRequest, reply: FastifyReply, tally: Tally, timeout: number) {
    this.request = request
    this.timeout = timeout
    this.#reply = reply
    this.#tally = tally
    // Fastify does not tell that an answer is on its way through an error handler or onError and onSend hooks.
    const { send } = reply
    reply.send = payload => {
      this.#isAnswering = true
      return send.call(reply, payload)
    }
  }

  onTimeout (): boolean {
    const reply = this.#reply
    if (reply.sent || reply.raw.headersSent) return false
    this.request.log.info({ timeout: this.timeout }, "hooks take too long: see the WebSocket option 'handshakeTimeout'")
    // A second answer would mix with the first, or be thrown back (FST_ERR_SEND_INSIDE_ONERR).
    if (this.#isAnswering) return true
    reply.send(new FST_ERR_WS_HANDSHAKE_TIMEOUT(this.timeout))
    return true
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
