import { type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'

/** Headers that describe the connection, not the message (RFC 9110 §7.6.1). HTTP/2 forbids them (RFC 9113 §8.2.2). */
export const OF_THE_CONNECTION =
  'connection|upgrade|keep-alive|proxy-connection|transfer-encoding|te|http2-settings'

/** Headers that an accepted handshake sets itself or must not carry (RFC 9110 §8.6, §9.3.6; RFC 6455 §4.2.2). */
const NOT_ON_ACCEPTED = new RegExp(`^(?:${OF_THE_CONNECTION}|content-length|content-type|trailer|sec-websocket-.*)$`, 'i')

export type Headers = Record<string, string | string[]>

/**
 * Moves all headers of the answer that opens a connection out of the response, including those that hooks have set.
 *
 * @param own headers of the handshake; they win over all others
 * @param last the last argument of `writeHead`: a reason, or headers; headers given as a list are ignored
 * @throws when HTTP cannot carry one of the headers
 */
export function takeHeaders (response: ServerResponse | Http2ServerResponse, own: Headers, last: unknown): Headers {
  const answer = { ...own }
  const isHeaders = typeof last === 'object' && !Array.isArray(last)
  const others: Record<string, any> = { ...response.getHeaders(), ...isHeaders && last }
  for (const name of Object.keys(others)) {
    response.removeHeader(name)
    if (NOT_ON_ACCEPTED.test(name)) continue
    // Node itself checks too late: by then the response already counts as accepted.
    validateHeader(name, others[name])
    answer[name] = others[name]
  }
  return answer
}

/** Whether HTTP can carry this header. */
export function canCarry (name: string, value: unknown): boolean {
  try {
    validateHeader(name, value)
    return true
  } catch {
    return false
  }
}

/** @throws when HTTP cannot carry this header */
function validateHeader (name: string, value: unknown): void {
  validateHeaderName(name)
  for (const one of [value].flat()) validateHeaderValue(name, one as string)
}
