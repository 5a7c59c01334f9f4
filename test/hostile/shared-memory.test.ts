import { test } from 'tap'
import { runScript } from '../support/handshakes.ts'
import { handshake } from '../support/raw-client.ts'
import { KIB, MEASURING, MIB } from './support.ts'

const SOCKETS = 8

/**
 * A server and peers that stop reading, in a process of their own, where nothing else takes memory. They fall behind one
 * after the other, and then get a mebibyte of the same messages.
 */
const script = (size: number, own: number): string => `${MEASURING}
  const [size, own] = [${size}, ${own}]
  async function main () {
    const sockets = require('fastify-sockets')
    const app = require('fastify')()
    await app.register(sockets, { maxBuffered: ${8 * MIB}, heartbeat: false })
    app.get('/', { ws: true }, () => {})
    await app.listen({ host: '127.0.0.1', port: 0 })
    for (let i = 0; i < ${SOCKETS}; i++) {
      const client = connect(app.server.address().port, '127.0.0.1')
      client.on('error', () => {})
      client.write(${JSON.stringify(handshake('/'))})
      await once(client, 'data')
      client.pause()
    }
    while (app.sockets.size < ${SOCKETS}) await turn()
    const all = [...app.sockets]
    let n = 0
    function tell (some) {
      const message = app.sockets.prepare(String(n++).padEnd(size))
      for (const socket of some) socket.send(message)
    }
    const chunk = Buffer.alloc(64_000)
    for (let i = 0; i < ${SOCKETS}; i++) {
      for (let round = 0; round < 5; round++) {
        while (all[i].send(chunk));
        await turn()
      }
      for (let j = 0; j < 7; j++) tell(all.slice(0, i + 1))
    }
    const before = held()
    const waiting = app.sockets.stats().bufferedAmount
    while (app.sockets.stats().bufferedAmount < waiting + ${SOCKETS * MIB}) {
      for (let i = 0; i < 20; i++) {
        tell(all)
        if (own > 0 && n % own === 0) for (const socket of all) socket.send('mine')
      }
      await turn()
    }
    console.log(JSON.stringify({ grown: held() - before, waiting: app.sockets.stats().bufferedAmount - waiting }))
    for (const socket of all) socket.terminate()
    await app.close()
  }
  main()
`

for (const { name, size, own, most } of [
  { name: 'small messages', size: 100, own: 0, most: 100 * KIB },
  // Each of its own ends what it shares.
  { name: 'small messages with some of their own', size: 100, own: 500, most: 400 * KIB },
  { name: 'large messages with some of their own', size: 5000, own: 2, most: 250 * KIB }
]) {
  test(`many who do not read wait for the same messages, and these are held once: ${name}`, async t => {
    const { code, stdout, stderr } = await runScript(script(size, own))
    t.equal(code, 0, stderr)
    const { grown, waiting } = JSON.parse(stdout)
    t.ok(waiting >= SOCKETS * MIB, `${waiting} bytes wait`)
    const each = (grown - 1.5 * MIB) / SOCKETS
    t.ok(each < most, `${Math.round(each / KIB)} KiB for each besides the messages themselves`)
  })
}
