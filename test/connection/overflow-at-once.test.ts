import { test } from 'tap'
import { pair } from '../support/serve.ts'

// What is written to TCP has left when the call returns, as long as the system has room for it.

for (const { kind, large } of [
  { kind: 'binary', large: Buffer.alloc(3_000_000, 'x') }, { kind: 'text', large: 'x'.repeat(3_000_000) }
]) {
  test(`a single ${kind} message above maxBuffered goes right behind one that has left`, async t => {
    const { client, socket } = await pair(t, { maxBuffered: 1000 })
    socket.send('small, and written first')
    socket.send(large)
    t.equal((await client.frame()).payload.toString(), 'small, and written first')
    t.equal((await client.frame()).payload.length, large.length)
    t.equal(socket.dropped, 0)
    t.equal(socket.state, 'open')
  })
}
