import { type ServerResponse, STATUS_CODES } from 'node:http'
import { FST_ERR_WS_HANDSHAKE_TIMEOUT } from '../errors.ts'

/**
 * Answers in place of hooks that take too long. It works whatever they have set so far, and whatever they do later.
 *
 * @param timeout milliseconds that the hooks had
 */
export function refuseLate (response: ServerResponse, timeout: number): void {
  // Hooks that finish later may write after the answer; that is no error.
  response.on('error', () => {})
  // They may have set headers that HTTP cannot carry.
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  const { statusCode, code, message } = new FST_ERR_WS_HANDSHAKE_TIMEOUT(timeout)
  const body = JSON.stringify({ statusCode, code, error: STATUS_CODES[statusCode!], message })
  response.writeHead(statusCode!, {
    'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body)
  })
  response.end(body)
}
