import { type ServerResponse, STATUS_CODES } from 'node:http'
import { FST_ERR_WS_HANDSHAKE_TIMEOUT } from '../errors.ts'

/**
 * Answers in place of hooks that take too long, whatever they have set so far and do later.
 *
 * @param timeout milliseconds that they had
 */
export function refuseLate (response: ServerResponse, timeout: number): void {
  // Of what hooks that come to their end later write behind the answer.
  response.on('error', () => {})
  // Nor of what they have set so far and HTTP cannot carry.
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  const { statusCode, code, message } = new FST_ERR_WS_HANDSHAKE_TIMEOUT(timeout)
  const body = JSON.stringify({ statusCode, code, error: STATUS_CODES[statusCode!], message })
  response.writeHead(statusCode!, {
    'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body)
  })
  response.end(body)
}
