import { test } from 'tap'
import { runScript } from '../support/handshakes.ts'
import { handshake } from '../support/raw-client.ts'
import { KIB, MEASURING } from './support.ts'

/** A server and a peer that stops reading, in a process of their own, where nothing else takes memory. */
const script = (size: number, beside: number): string => `${MEASURING}
  async function main () {
    const sockets = require('fastify-sockets')
    const app = require('fastify')()
    await app.register(sockets, { maxBuffered: ${1024 * KIB}, overflow: 'drop', heartbeat: false })
    let socket
    app.get('/', { ws: true }, one => { socket = one })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const client = connect(app.server.address().port, '127.0.0.1')
    client.on('error', () => {})
    client.write(${JSON.stringify(handshake('/'))})
    await once(client, 'data')
    client.pause()
    while (socket === undefined) await turn()
    // As messages come about: one in a turn.
    async function sendUntil (isEnough) {
      while (!isEnough()) {
        socket.send('x'.repeat(${size}))
        // What others need of Node's pool.
        for (let i = 0; i < ${beside}; i++) Buffer.allocUnsafe(1000)
        await turn()
      }
    }
    for (let i = 0; i < 5; i++) {
      while (socket.send(Buffer.alloc(64_000)));
      await turn()
    }
    // The first ones cost what the code itself takes.
    let waiting = socket.bufferedAmount
    await sendUntil(() => socket.bufferedAmount > waiting + ${50 * KIB})
    const before = held()
    waiting = socket.bufferedAmount
    await sendUntil(() => socket.dropped > 0)
    console.log(JSON.stringify({ grown: held() - before, waiting: socket.bufferedAmount - waiting }))
    socket.terminate()
    await app.close()
  }
  main()
`

for (const { name, size, beside } of [
  { name: 'small', size: 20, beside: 0 },
  // From just above what is copied, to what comes from the pool.
  { name: 'of 2,100 bytes, and others fill the pool meanwhile', size: 2100, beside: 64 },
  { name: 'of 10,000 bytes, and others fill the pool meanwhile', size: 10_000, beside: 64 },
  { name: 'of 40,000 bytes, and others fill the pool meanwhile', size: 40_000, beside: 64 }
]) test(`maxBuffered bounds the memory behind a peer that does not read, though messages are ${name}`, async t => {
  const { code, stdout, stderr } = await runScript(script(size, beside))
  t.equal(code, 0, stderr)
  const { grown, waiting } = JSON.parse(stdout)
  t.ok(waiting > 200 * KIB, `${waiting} bytes wait`)
  t.ok(grown < 2 * waiting, `${grown} bytes for ${waiting} that wait`)
})
