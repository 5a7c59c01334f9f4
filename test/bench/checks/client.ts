/* Clients that look at all that a server sends: the load itself looks at headers only. */
import { deepStrictEqual } from 'node:assert'
import { once } from 'node:events'
import { type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import type { WireFrame } from '../../support/frames.ts'
import { handshake, RawClient } from '../../support/raw-client.ts'
import { dialectOf } from '../dialect.ts'
import { withTls } from '../loads/kind.ts'
import type { ServerProcess } from '../server-process.ts'

/** Of the key that RFC 6455 §1.3 and `handshake` have. */
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

export interface Opening {
  path?: '/' | '/echo'
  number?: number
  headers?: Record<string, string>
}

/** Passes the handshake, over whatever the load goes, and that of the server's dialect. */
export async function open (
  { port, spec }: ServerProcess, load: object, { path = '/', number, headers }: Opening = {}
): Promise<RawClient> {
  const secure = withTls(load)
  if (spec.streams !== undefined) return new RawClient(port, { transport: await extendedConnect(port, secure) })
  const transport = secure ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : undefined
  const client = new RawClient(port, { transport })
  const dialect = dialectOf(spec)
  client.write(handshake(dialect.url(path, number), headers))
  const response = await client.response()
  expect(response.status, 101)
  expect(response.headers['sec-websocket-accept'], [ACCEPT])
  if (dialect.hello !== null) client.write(dialect.hello)
  let greeting = '\r\n\r\n'
  while (!dialect.isOpen(greeting)) greeting += (await client.frame()).payload.toString()
  return client
}

export async function checkHandshake (server: ServerProcess, load: object): Promise<void> {
  await (await open(server, load)).destroy()
}

/** RFC 8441 §4 */
async function extendedConnect (port: number, secure: boolean): Promise<ClientHttp2Stream> {
  const session = connectHttp2(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`, { rejectUnauthorized: false })
  const [{ enableConnectProtocol }] = await once(session, 'remoteSettings')
  expect(enableConnectProtocol, true)
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', 'sec-websocket-version': '13' },
    { endStream: false }
  )
  stream.once('close', () => { session.destroy() })
  const [headers] = await once(stream, 'response')
  expect(headers[':status'], 200)
  return stream
}

export function expectFrame ({ fin, rsv, opcode, payload }: WireFrame, expected: number, bytes: Buffer): void {
  expect([fin, rsv, opcode, payload.length], [true, 0, expected, bytes.length])
  if (!payload.equals(bytes)) throw new Error('the payload is another one')
}

export function expect (actual: unknown, expected: unknown): void {
  deepStrictEqual(actual, expected)
}
