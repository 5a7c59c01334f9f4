/* That a server does what its load takes for granted: the load itself looks at headers only. */
import { deepStrictEqual } from 'node:assert'
import { once } from 'node:events'
import { type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { deflate, inflateStrictly, OFFER, RSV1 } from '../support/deflate.ts'
import type { WireFrame } from '../support/frames.ts'
import { BINARY, CLOSE, TEXT } from '../support/opcodes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { chatMessages, binaryMessage, jsonMessages, textMessages } from './generator/messages.ts'
import { agreedWindowBits } from './generator/payloads.ts'
import { type EchoLoad, type FanOutLoad, type Load, otherOf, withTls } from './load.ts'
import type { ServerProcess } from './server-process.ts'
import { answer } from './servers/chat.ts'

/** Of the key that RFC 6455 §1.3 and `handshake` have. */
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
const SECONDS = 10

/** Throws if it is not so, and if there is no answer at all. */
export async function check (server: ServerProcess, load: Load): Promise<void> {
  const patience = new AbortController()
  try {
    await Promise.race([
      checkLoad(server, load),
      wait(SECONDS * 1000, undefined, { signal: patience.signal }).then(() => { throw new Error('no answer') })
    ])
  } catch (error) {
    throw new Error(`${server.name} is no server for ${JSON.stringify(load)}`, { cause: error })
  } finally {
    patience.abort()
  }
}

async function checkLoad (server: ServerProcess, load: Load): Promise<void> {
  if (load.kind === 'flood') return await checkLoad(server, otherOf(load))
  await (await open(server, load)).destroy()
  if (load.kind === 'fan-out') return await checkFanOut(server, load)
  if (load.kind === 'echo' && server.spec.canned === true) return await checkCanned(server, load)
  if (load.kind !== 'echo') return
  const { content, size } = load
  if (content === 'deflate') return await checkDeflate(server)
  if (content === 'json') return await checkJson(server)
  await checkEcho(server, load, BINARY, [binaryMessage(0), binaryMessage(125), binaryMessage(size)])
  const texts = ['is this an echo? ¿ä€🌍', ...textMessages(3, size)]
  await checkEcho(server, load, TEXT, texts.map(text => Buffer.from(text)))
  await checkUtf8(server, load)
}

/** Passes the handshake, over whatever the load goes. */
async function open ({ port, spec: { streams } }: ServerProcess, load: Load): Promise<RawClient> {
  const secure = withTls(load)
  if (streams !== undefined) return new RawClient(port, { transport: await extendedConnect(port, secure) })
  const transport = secure ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : undefined
  const client = new RawClient(port, { transport })
  client.write(handshake('/'))
  const { status, headers } = await client.response()
  expect(status, 101)
  expect(headers['sec-websocket-accept'], [ACCEPT])
  return client
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

async function checkEcho (server: ServerProcess, load: Load, opcode: number, payloads: Buffer[]): Promise<void> {
  const client = await open(server, load)
  for (const payload of payloads) {
    client.send(opcode, payload)
    expectFrame(await client.frame(), opcode, payload)
  }
  await client.destroy()
}

async function checkCanned (server: ServerProcess, { content, size }: EchoLoad): Promise<void> {
  const opcode = content === 'binary' ? BINARY : TEXT
  const client = await RawClient.open(server.port, '/')
  for (let i = 0; i < 3; i++) client.send(opcode, binaryMessage(size))
  for (let i = 0; i < 3; i++) expectFrame(await client.frame(), opcode, Buffer.alloc(size, 'x'))
  await client.destroy()
}

/** That text which is not UTF-8 ends the connection: who does not look has less to do. */
async function checkUtf8 (server: ServerProcess, load: Load): Promise<void> {
  const client = await open(server, load)
  client.send(TEXT, Buffer.from([0x61, 0xff, 0x61]))
  try {
    expect((await client.frame()).opcode, CLOSE)
  } catch (error) {
    // Without a close frame too.
    if (!client.ended) throw error
  }
  await client.destroy()
}

async function checkJson (server: ServerProcess): Promise<void> {
  const client = await RawClient.open(server.port, '/')
  for (const message of chatMessages(16)) {
    client.send(TEXT, JSON.stringify(message))
    const { fin, opcode, payload } = await client.frame()
    expect([fin, opcode], [true, TEXT])
    expect(JSON.parse(payload.toString()), answer(message))
  }
  client.send(TEXT, JSON.stringify({ ...chatMessages(1)[0], n: -1 }))
  expect((await client.close()).code, 1008)
  await client.destroy()
}

/** That the server takes compressed messages and compresses its replies, each of them. */
async function checkDeflate (server: ServerProcess): Promise<void> {
  const client = new RawClient(server.port)
  client.write(handshake('/', OFFER))
  const { headers } = await client.response()
  const windowBits = agreedWindowBits(headers['sec-websocket-extensions']?.[0])
  const texts = jsonMessages(16, 1000)
  const replies = []
  for (const text of texts) {
    client.send(TEXT, deflate(text, { windowBits }), { rsv: RSV1 })
    const { fin, opcode, rsv, payload } = await client.frame()
    expect([fin, opcode, rsv], [true, TEXT, RSV1])
    replies.push(payload)
  }
  expect(inflateStrictly(replies).toString(), texts.join(''))
  await client.destroy()
}

async function checkFanOut (server: ServerProcess, { size }: FanOutLoad): Promise<void> {
  const clients = await Promise.all([1, 2, 3].map(() => RawClient.open(server.port, '/')))
  for (const client of clients) {
    client.send(TEXT, 'go')
    for (const other of clients) expectFrame(await other.frame(), TEXT, Buffer.alloc(size, 'n'))
  }
  await Promise.all(clients.map(client => client.destroy()))
}

function expectFrame ({ fin, rsv, opcode, payload }: WireFrame, expected: number, bytes: Buffer): void {
  expect([fin, rsv, opcode, payload.length], [true, 0, expected, bytes.length])
  if (!payload.equals(bytes)) throw new Error('the payload is another one')
}

function expect (actual: unknown, expected: unknown): void {
  deepStrictEqual(actual, expected)
}
