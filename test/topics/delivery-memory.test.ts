import { test } from 'tap'
import { MEASURING } from '../hostile/support.ts'
import { runScript } from '../support/handshakes.ts'

const SOCKETS = 300
const TOPICS = 30

/** In a process of its own, where nothing else takes memory, nor watches promises, which makes each of them larger. */
const SCRIPT = `${MEASURING}
  async function main () {
    const app = require('fastify')()
    await app.register(require('fastify-sockets'), { heartbeat: false })
    const sockets = []
    app.get('/', { ws: true }, socket => { sockets.push(socket) })
    await app.ready()
    for (let i = 0; i < ${SOCKETS}; i++) (await app.injectWS('/')).on('message', () => {})
    async function subscribe (count, start) {
      for (let topic = start; topic < start + count; topic++) {
        await Promise.all(sockets.map(socket => socket.subscribe('topic ' + topic)))
        app.sockets.publish('topic ' + topic, 'x')
      }
      for (let i = 0; i < 20; i++) await turn()
      return held()
    }
    const before = await subscribe(3, 0)
    const grown = await subscribe(${TOPICS}, 3) - before
    for (const socket of sockets) for (let topic = 3; topic < 3 + ${TOPICS}; topic++) socket.unsubscribe('topic ' + topic)
    console.log(JSON.stringify({ grown, left: held() - before }))
    process.exit()
  }
  main()
`

test('a subscription takes at most half a KiB, and gives it back', async t => {
  const { code, stdout, stderr } = await runScript(SCRIPT)
  t.equal(code, 0, stderr)
  const { grown, left } = JSON.parse(stdout)
  const each = grown / (SOCKETS * TOPICS)
  t.ok(each <= 512, `${Math.round(each)} bytes`)
  t.ok(left < grown / 5, `${left} bytes are left of ${grown}`)
})
