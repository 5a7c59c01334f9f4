import { randomBytes } from 'node:crypto'
import { type Agent, type ClientRequest, type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, connect as connectTcp, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { endingOf } from '../client/ending.ts'
import { readRetryAfter } from '../client/backoff.ts'
import { fault } from '../contract/fault.ts'
import { checkSwitch } from '../protocol/answer.ts'
import type { HandshakeHeaders } from '../protocol/handshake.ts'
import { badAnswer, type Handshake } from './handshake.ts'
import type { Agreed, Opening, OpeningOwner } from './opening.ts'
import type { NodeLineSettings } from './options.ts'
import { Refusal } from './refusal.ts'

/** What is offered to a server that is only meant to speak HTTP/1.1. */
const HTTP1 = ['http/1.1']

/** The opening handshake of HTTP/1.1: a request for an upgrade (RFC 6455 §4.1). */
export class UpgradeRequest implements Opening {
  readonly #handshake: Handshake
  readonly #owner: OpeningOwner
  readonly #key = randomBytes(16).toString('base64')
  readonly #request: ClientRequest
  #refusal: Refusal | null = null
  /** Accepted, refused, failed or given up: what still happens concerns nobody. */
  #isOver = false

  /** @param connected what the request goes over; by default it makes its connection */
  constructor (handshake: Handshake, owner: OpeningOwner, settings: NodeLineSettings, connected?: TLSSocket) {
    this.#handshake = handshake
    this.#owner = owner
    const { url, path, host, headers } = handshake
    const options: RequestOptions = {
      path,
      headers: { Host: host, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': this.#key, ...headers }
    }
    if (settings.agent !== undefined) {
      this.#request = requestBy(settings.agent, url, { ...options, ...addressOf(url) })
    } else {
      this.#request = httpRequest({ ...options, createConnection: () => connected ?? connect(url, settings) })
    }
    this.#request.on('upgrade', (response, transport, head) => this.#onUpgrade(response, transport, head))
    this.#request.on('response', response => this.#onResponse(response))
    this.#request.on('error', error => {
      // A refusal is known by then: what has come of it has to do.
      if (this.#refusal === null) this.#end(() => this.#owner.onUnopened(endingOf({ initiator: 'remote', error })))
    })
    this.#request.end()
    // Without an agent nobody takes the connection over when its response has been read, nor listens to its errors. The header
    // `Connection`, which has just been written, made it one to keep.
    if (settings.agent === undefined) this.#request.shouldKeepAlive = false
  }

  abort (): void {
    this.#isOver = true
    this.#refusal?.stop()
    this.#request.destroy()
  }

  #onUpgrade ({ headers }: IncomingMessage, transport: Duplex, head: Buffer): void {
    const wrong = checkSwitch(headers, this.#key)
    let agreed: Agreed
    try {
      if (wrong !== null) throw badAnswer(wrong)
      agreed = this.#handshake.agreed(headers as HandshakeHeaders)
    } catch (error) {
      transport.on('error', () => {})
      transport.destroy()
      this.#reject(error as Error)
      return
    }
    this.#end(() => this.#owner.onAccepted(transport, head, agreed))
  }

  #onResponse (response: IncomingMessage): void {
    // Without the header Upgrade, or that in Connection, Node takes it for a response.
    if (response.statusCode === 101) {
      this.#reject(badAnswer(checkSwitch(response.headers, this.#key)!))
      return
    }
    this.#refusal = new Refusal(response, response.statusCode!, readRetryAfter(response.headers['retry-after']), ending => {
      this.#request.destroy()
      this.#end(() => this.#owner.onUnopened(ending))
    })
  }

  #reject (error: Error): void {
    this.#request.destroy()
    this.#end(() => this.#owner.onUnopened(endingOf({ error })))
  }

  #end (tell: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    tell()
  }
}

/** @throws {FST_ERR_WS_CLIENT_TARGET} it is an agent for `http:` where one for `https:` is needed, or the other way round */
function requestBy (agent: Agent, { protocol }: URL, options: RequestOptions): ClientRequest {
  const request = protocol === 'wss:' ? httpsRequest : httpRequest
  try {
    return request({ ...options, agent })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_INVALID_PROTOCOL') throw cause
    throw fault('FST_ERR_WS_CLIENT_TARGET', `the agent is not for '${protocol}': ${(cause as Error).message}`, cause)
  }
}

/** The host and the port of a URL. */
function addressOf ({ protocol, hostname, port }: URL): { host: string, port: number } {
  // IPv6 addresses have brackets only in a URL.
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (protocol === 'wss:' ? 443 : 80)) }
}

function connect (url: URL, { tls }: NodeLineSettings): Socket {
  return url.protocol === 'wss:' ? connectSecure(url, tls, HTTP1) : connectTcp({ ...addressOf(url), noDelay: true })
}

/** @param versions of HTTP, as ALPN names them, the preferred one first */
export function connectSecure (url: URL, tls: NodeLineSettings['tls'], versions: string[]): TLSSocket {
  const address = addressOf(url)
  // An address is no name that a server could be asked for (RFC 6066 §3).
  const named = isIP(address.host) === 0 ? { servername: address.host } : {}
  const socket = connectTls({ ...named, ...tls, ...address, ALPNProtocols: versions })
  return socket.setNoDelay(true)
}
