import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { endingOf } from '../client/ending.ts'
import { readRetryAfter } from '../client/backoff.ts'
import { fault } from '../contract/fault.ts'
import { cutTransport } from '../connection/transport.ts'
import { EMPTY } from '../protocol/empty.ts'
import type { HandshakeHeaders } from '../protocol/handshake.ts'
import type { Handshake } from './handshake.ts'
import type { Agreed, Opening, OpeningOwner } from './opening.ts'
import { Refusal } from './refusal.ts'
import type { SharedSession } from './shared-session.ts'

/** The opening handshake of HTTP/2: an extended CONNECT (RFC 8441 §5). It has no key: nothing but a WebSocket server answers it. */
export class ConnectRequest implements Opening {
  readonly #handshake: Handshake
  readonly #owner: OpeningOwner
  readonly #stream: ClientHttp2Stream
  #refusal: Refusal | null = null
  #error: Error | null = null

  /** @throws what Node.js says of headers that HTTP/2 cannot send */
  constructor (handshake: Handshake, owner: OpeningOwner, session: SharedSession) {
    this.#handshake = handshake
    this.#owner = owner
    const { path, host, headers } = handshake
    this.#stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':path': path, ':authority': host, ...headers
    })
    this.#stream.on('response', this.#onResponse)
    this.#stream.on('error', this.#onError)
    this.#stream.on('close', this.#onClose)
  }

  abort (): void {
    this.#refusal?.stop()
    this.#release()
    this.#cut()
  }

  readonly #onResponse = (headers: IncomingHttpHeaders): void => {
    const status = Number(headers[':status'])
    if (status !== 200) {
      this.#release()
      this.#refusal = new Refusal(this.#stream, status, readRetryAfter(headers['retry-after']), ending => {
        this.#cut()
        this.#owner.onUnopened(ending)
      })
      return
    }
    let agreed: Agreed
    try {
      agreed = this.#handshake.agreed(headers as HandshakeHeaders)
    } catch (error) {
      this.abort()
      this.#owner.onUnopened(endingOf({ error: error as Error }))
      return
    }
    this.#release()
    this.#owner.onAccepted(this.#stream, EMPTY, agreed)
  }

  readonly #onError = (error: Error): void => {
    this.#error = error
  }

  readonly #onClose = (): void => {
    this.#release()
    const error = this.#error ?? fault('FST_ERR_WS_CLIENT_HANDSHAKE', 'the server ended the stream without an answer')
    this.#owner.onUnopened(endingOf({ initiator: 'remote', error }))
  }

  #release (): void {
    this.#stream.off('response', this.#onResponse)
    this.#stream.off('error', this.#onError)
    this.#stream.off('close', this.#onClose)
  }

  #cut (): void {
    this.#stream.on('error', () => {})
    cutTransport(this.#stream)
  }
}
