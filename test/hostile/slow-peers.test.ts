import { test } from 'tap'
import { masked } from '../support/frames.ts'
import { BINARY, TEXT } from '../support/opcodes.ts'
import { serve } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'
import { besieged, KIB, MIB } from './support.ts'

test('a peer that writes a byte at a time is served as any other, and holds up nobody', async t => {
  const { open, othersAreServed } = await besieged(t, socket => {
    socket.on('message', message => { socket.send(message) })
  })
  const client = await open()
  const message = 'é'.repeat(500)
  const bytes = Buffer.concat([masked(TEXT, message.slice(0, 100), { fin: false }), masked(0, message.slice(100))])
  for (const [i, byte] of bytes.entries()) {
    if (i % 100 === 0) await othersAreServed()
    if (i === bytes.length - 1) t.equal(client.received.length, 0)
    await new Promise<void>(resolve => { client.socket.write(Buffer.of(byte), () => resolve()) })
    await turn()
  }
  t.equal((await client.frame()).payload.toString(), message)
})

test('a peer faster than the loop is held up by TCP; the loop gets every message, in order', async t => {
  const size = 10_000
  const count = 2000
  const maxQueued = 64 * KIB
  const found: number[] = []
  let most = 0
  let begin = (): void => {}
  const gate = new Promise<void>(resolve => { begin = resolve })
  const { app, open } = await serve(t, async socket => {
    for await (const message of socket) {
      await gate
      await turn()
      found.push((message as Buffer).readUInt32BE())
      most = Math.max(most, app.sockets.stats().messagesIn - found.length)
    }
  }, { maxQueued })
  const client = await open()
  for (let i = 0; i < count; i++) {
    const message = Buffer.alloc(size)
    message.writeUInt32BE(i)
    client.send(BINARY, message)
  }
  let before = -1
  while (app.sockets.stats().bytesIn !== before) {
    before = app.sockets.stats().bytesIn
    for (let i = 0; i < 100; i++) await turn()
  }
  const heldUp = client.socket.writableLength
  t.ok(before < MIB, `${before} bytes were read`)
  t.ok(heldUp > count * size / 4, `${heldUp} bytes are still with the peer`)
  begin()
  await until(() => found.length === count)
  t.ok(found.every((number, i) => number === i))
  t.ok(most <= Math.floor(maxQueued / (size + 64)) + 1, `${most} messages waited`)
})
