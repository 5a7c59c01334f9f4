import { type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'

/** Names of the connection, not of the message (RFC 9110 §7.6.1), which HTTP/2 has no use for (RFC 9113 §8.2.2). */
export const OF_THE_CONNECTION =
  'connection|upgrade|keep-alive|proxy-connection|transfer-encoding|te|http2-settings'

/** Names that an accepted handshake sets itself or must not carry (RFC 9110 §8.6, §9.3.6; RFC 6455 §4.2.2). */
const NOT_ON_ACCEPTED = new RegExp(`^(?:${OF_THE_CONNECTION}|content-length|content-type|trailer|sec-websocket-.*)$`, 'i')

export type Headers = Record<string, string | string[]>

/**
 * All headers of an answer that opens a connection, those of hooks among them. The response is left with none.
 *
 * @param own those of the handshake; they win over all others
 * @param last of the arguments of `writeHead`: a reason, or headers, of which a list is not taken
 * @throws HTTP cannot carry one of them
 */
export function takeHeaders (response: ServerResponse | Http2ServerResponse, own: Headers, last: unknown): Headers {
  const answer = { ...own }
  const isHeaders = typeof last === 'object' && !Array.isArray(last)
  const others: Record<string, any> = { ...response.getHeaders(), ...isHeaders && last }
  for (const name of Object.keys(others)) {
    response.removeHeader(name)
    if (NOT_ON_ACCEPTED.test(name)) continue
    // Here, because Node has made the response an accepted one by the time that it looks.
    validateHeader(name, others[name])
    answer[name] = others[name]
  }
  return answer
}

/** Whether HTTP can carry a header. */
export function canCarry (name: string, value: unknown): boolean {
  try {
    validateHeader(name, value)
    return true
  } catch {
    return false
  }
}

/** @throws HTTP cannot carry the header */
function validateHeader (name: string, value: unknown): void {
  validateHeaderName(name)
  for (const one of [value].flat()) validateHeaderValue(name, one as string)
}
