import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { Target } from '../client/line.ts'
import { fault } from '../contract/fault.ts'
import { formatOffer, readAnswer } from '../deflate/negotiate.ts'
import { checkProtocol } from '../protocol/answer.ts'
import { isToken } from '../protocol/extensions.ts'
import { type HandshakeHeaders, VERSION } from '../protocol/handshake.ts'
import type { Agreed } from './opening.ts'
import type { NodeLineSettings } from './options.ts'

/** Headers that the handshake is made of, and those that would give it a body. */
const OURS = /^(?:connection|upgrade|sec-websocket-.*|content-length|transfer-encoding|expect|te|trailer|keep-alive|:.*)$/i

/** What a line asks for, whatever version of HTTP it asks in. */
export class Handshake {
  readonly url: URL
  /** The user's headers and those of both versions, without `Host`. */
  readonly headers: Record<string, string>
  /** `Host`, or `:authority`. */
  readonly host: string
  readonly #protocols: readonly string[]
  readonly #offer: string | undefined

  /**
   * @throws {FST_ERR_WS_CLIENT_TARGET} the URL or the subprotocols cannot be asked for
   * @throws {FST_ERR_WS_CLIENT_HEADER} a header is none, or belongs to the handshake
   */
  constructor ({ url, protocols, headers }: Target, { deflate }: NodeLineSettings) {
    this.url = parsed(url)
    this.#protocols = checkedProtocols(protocols)
    this.#offer = deflate === null ? undefined : formatOffer(deflate)
    const { host, others } = checkedHeaders(headers)
    this.host = host ?? this.url.host
    const authorization = basicAuthorization(this.url)
    const isAuthorized = authorization === null || Object.keys(others).some(name => name.toLowerCase() === 'authorization')
    this.headers = {
      ...(!isAuthorized && { Authorization: authorization }),
      ...others,
      'Sec-WebSocket-Version': VERSION,
      ...(protocols.length > 0 && { 'Sec-WebSocket-Protocol': protocols.join(', ') }),
      ...(this.#offer !== undefined && { 'Sec-WebSocket-Extensions': this.#offer })
    }
  }

  get path (): string {
    return this.url.pathname + this.url.search
  }

  /**
   * What an answer that accepts has agreed on.
   *
   * @throws {FST_ERR_WS_CLIENT_HANDSHAKE} it agrees on something that was not offered
   */
  agreed (headers: HandshakeHeaders): Agreed {
    const wrong = checkProtocol(headers, this.#protocols)
    if (wrong !== null) throw badAnswer(wrong)
    const { 'sec-websocket-protocol': protocol = '', 'sec-websocket-extensions': extensions } = headers
    try {
      return { protocol: String(protocol), compression: readAnswer(extensions as string | undefined, this.#offer) }
    } catch (error) {
      throw badAnswer(`${(error as Error).message} (RFC 6455 section 4.1)`)
    }
  }
}

/** The server has accepted the handshake, but in a way that a client must not accept (RFC 6455 §4.1). */
export function badAnswer (what: string): Error {
  return fault('FST_ERR_WS_CLIENT_HANDSHAKE', `the server's answer to the handshake is invalid: ${what}`)
}

function parsed (url: string): URL {
  try {
    return new URL(url)
  } catch (cause) {
    throw fault('FST_ERR_WS_CLIENT_TARGET', `'${url}' is not a URL`, cause)
  }
}

function checkedProtocols (protocols: readonly string[]): readonly string[] {
  if (new Set(protocols).size === protocols.length && protocols.every(one => typeof one === 'string' && isToken(one))) return protocols
  throw fault('FST_ERR_WS_CLIENT_TARGET', `subprotocols are different tokens, not '${protocols.join("', '")}' (RFC 6455 section 4.1)`)
}

function checkedHeaders (headers: Target['headers']): { host: string | undefined, others: Record<string, string> } {
  let host: string | undefined
  const others: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (OURS.test(name)) throw fault('FST_ERR_WS_CLIENT_HEADER', `the header '${name}' belongs to the handshake and cannot be set`)
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch (cause) {
      throw fault('FST_ERR_WS_CLIENT_HEADER', `the header '${name}' cannot be sent: ${(cause as Error).message}`, cause)
    }
    if (name.toLowerCase() === 'host') host = value
    else others[name] = value
  }
  return { host, others }
}

/** The user and the password of a URL, as `http.request` sends them (RFC 7617); null: there is neither. */
function basicAuthorization ({ username, password }: URL): string | null {
  if (username === '' && password === '') return null
  try {
    return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`
  } catch (cause) {
    throw fault('FST_ERR_WS_CLIENT_TARGET', 'the user or the password of the URL is not encoded as in a URL', cause)
  }
}
