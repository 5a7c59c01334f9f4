import { test } from 'tap'
import type { Socket, SocketOptions } from 'fastify-sockets'
import { masked } from '../support/frames.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { pair, serve, stall } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

/*
 * What a peer did wrong ends the connection with a close frame that tells it so, whatever an `error` listener does.
 */

interface Fault {
  name: string
  code: number
  ws?: SocketOptions
  bytes: Buffer
}

const FAULTS: Fault[] = [
  { name: 'a reserved opcode', code: 1002, bytes: masked(3) },
  { name: 'text that is not UTF-8', code: 1007, bytes: masked(TEXT, Buffer.from([0xff])) },
  { name: 'a message that is too large', code: 1009, ws: { maxPayload: 10 }, bytes: masked(TEXT, 'x'.repeat(11)) },
  { name: 'too many messages', code: 1013, ws: { limits: { messagesPerSecond: 1 } }, bytes: Buffer.concat([masked(TEXT), masked(TEXT)]) }
]

const CUTS: Record<string, (socket: Socket<any, any>) => unknown> = {
  'that terminates': socket => socket.terminate(),
  'that terminates twice': socket => {
    socket.terminate()
    socket.terminate()
  },
  'that terminates a little later': async socket => {
    await Promise.resolve()
    socket.terminate()
  },
  'that terminates in the next turn': async socket => {
    await turn()
    socket.terminate()
  },
  'that throws': () => { throw new Error('on purpose') },
  'that closes with another code': socket => socket.close(4000),
  'that sends': socket => { if (socket.send('more')) throw new Error('it was sent') }
}

for (const { name, code, ws = {}, bytes } of FAULTS) {
  for (const [what, listener] of Object.entries(CUTS)) {
    test(`the close frame for ${name} goes before an error listener ${what}`, async t => {
      const { client, socket } = await pair(t, { ...ws, onError: () => {} })
      socket.on('message', message => { socket.send(`echo ${message}`) })
      const states: string[] = []
      socket.on('error', () => {
        states.push(socket.state)
        return listener(socket)
      })
      await turn()
      client.write(bytes)
      let frame = await client.frame()
      if (code === 1013) frame = await client.frame()
      t.equal(frame.opcode, CLOSE)
      t.equal(frame.payload.readUInt16BE(), code)
      // One that is not cut waits for our answer after 1013.
      client.send(CLOSE)
      await client.end()
      t.match(await socket.closed, { code, initiator: 'local' })
      t.strictSame(states, ['closing'], 'it is told once')
      t.equal(client.received.length, 0)
    })
  }
}

test('the answers to what came before are not cut off either', async t => {
  const { open } = await serve(t, socket => {
    socket.on('message', message => { socket.send(message) })
    socket.on('error', () => socket.terminate())
  })
  const client = await open()
  client.write(Buffer.concat([masked(TEXT, 'x'.repeat(100_000)), masked(TEXT, 'good'), masked(3)]))
  t.equal((await client.frame()).payload.length, 100_000)
  t.equal((await client.frame()).payload.toString(), 'good')
  t.equal((await client.close()).code, 1002)
  await client.end()
})

test('a peer that reads too slowly gets its 1013 if it reads on, though a listener terminates', async t => {
  const { client, socket } = await pair(t, { maxBuffered: 200_000 })
  socket.on('error', () => socket.terminate())
  await stall(client, socket)
  while (socket.state === 'open') socket.send(Buffer.alloc(64_000))
  client.socket.resume()
  await closeFrame(client)
  t.match(await socket.closed, { code: 1013, initiator: 'local' })
})

test('and is cut after closeTimeout if it does not', async t => {
  const { client, socket, app } = await pair(t, { maxBuffered: 200_000, closeTimeout: 100 })
  socket.on('error', () => socket.terminate())
  await stall(client, socket)
  while (socket.state === 'open') socket.send(Buffer.alloc(64_000))
  t.match(await socket.closed, { code: 1013, wasClean: false })
  await until(() => app.sockets.size === 0)
  socket.terminate()
})

/** Reads up to a close frame. */
async function closeFrame (client: RawClient): Promise<void> {
  while ((await client.frame()).opcode !== CLOSE);
}
