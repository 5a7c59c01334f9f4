import { test } from 'tap'
import { runScript } from '../support/handshakes.ts'
import { handshake } from '../support/raw-client.ts'
import { KIB, MEASURING } from './support.ts'

/** A server and a peer that stops reading, in a process of their own, where nothing else takes memory. */
const SCRIPT = `${MEASURING}
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
        socket.send('x'.repeat(20))
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

test('maxBuffered bounds the memory behind a peer that does not read, though messages are small', async t => {
  const { code, stdout, stderr } = await runScript(SCRIPT)
  t.equal(code, 0, stderr)
  const { grown, waiting } = JSON.parse(stdout)
  t.ok(waiting > 200 * KIB, `${waiting} bytes wait`)
  t.ok(grown < 2 * waiting, `${grown} bytes for ${waiting} that wait`)
})
