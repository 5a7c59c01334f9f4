import { deflate, inflateStrictly, OFFER, RSV1 } from '../../support/deflate.ts'
import { BINARY, CLOSE, TEXT } from '../../support/opcodes.ts'
import { handshake, RawClient } from '../../support/raw-client.ts'
import { binaryMessage, chatMessages, jsonMessages, textMessages } from '../generator/messages.ts'
import { agreedWindowBits } from '../generator/payloads.ts'
import type { EchoLoad } from '../loads/echo.ts'
import type { ServerProcess } from '../server-process.ts'
import { answer } from '../servers/chat.ts'
import { checkHandshake, expect, expectFrame, open } from './client.ts'

export async function checkEcho (server: ServerProcess, load: EchoLoad): Promise<void> {
  await checkHandshake(server, load)
  if (server.spec.canned === true) return await checkCanned(server, load)
  const { content, size } = load
  if (content === 'deflate') return await checkDeflate(server)
  if (content === 'json') return await checkJson(server)
  await checkReplies(server, load, BINARY, [binaryMessage(0), binaryMessage(125), binaryMessage(size)])
  const texts = ['is this an echo? ¿ä€🌍', ...textMessages(3, size)]
  await checkReplies(server, load, TEXT, texts.map(text => Buffer.from(text)))
  await checkUtf8(server, load)
}

async function checkReplies (server: ServerProcess, load: EchoLoad, opcode: number, payloads: Buffer[]): Promise<void> {
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
async function checkUtf8 (server: ServerProcess, load: EchoLoad): Promise<void> {
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
