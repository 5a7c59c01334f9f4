import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'
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

  /** @throws {FST_ERR_WS_CLIENT_HEADER} HTTP/2 cannot send a header of the user */
  constructor (handshake: Handshake, owner: OpeningOwner, session: SharedSession) {
    this.#handshake = handshake
    this.#owner = owner
    this.#stream = this.#begun(session)
    this.#stream.on('response', this.#onResponse)
    this.#stream.on('error', this.#onError)
    this.#stream.on('close', this.#onClose)
  }

  abort (): void {
    this.#refusal?.stop()
    this.#release()
    this.#cut()
  }

  #begun (session: SharedSession): ClientHttp2Stream {
    const { path, host, headers } = this.#handshake
    try {
      return session.request({
        ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':path': path, ':authority': host, ...headers
      })
    } catch (cause) {
      // The session is open and the rest is ours, so it is one of the user's headers: those of HTTP/1.1's connections are forbidden
      // here, and some may be there only once. Node's text names it.
      const text = `a header cannot be sent over HTTP/2, so leave it out or set the client's option http2 to false: ${(cause as Error).message}`
      throw fault('FST_ERR_WS_CLIENT_HEADER', text, cause)
    }
  }

  readonly #onResponse = (headers: IncomingHttpHeaders): void => {
    const status = Number(headers[':status'])
    if (status !== 200) {
      this.#release()
      this.#refusal = new Refusal(this.#stream, status, readRetryAfter(headers['retry-after']), ending => {
        // Not as a line is cut: the server has just answered, so nobody needs to doubt its session.
        this.#stream.close(constants.NGHTTP2_NO_ERROR)
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
