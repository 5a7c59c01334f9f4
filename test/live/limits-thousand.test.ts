import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { deferred } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

const ROOM = '/room'

test('of 1,000 handshakes at once from one address 100 get through; afterwards all places are free again', async t => {
  // A busy machine may take longer for them than a handshake may.
  const app = createApp(t, { handshakeTimeout: 120_000, limits: { handshakesPerAddress: 100 } }, { logger: false })
  const gates = [deferred(), deferred()]
  let round = 0
  let inHook = 0
  app.get(ROOM, {
    ws: true,
    preHandler: async () => {
      inHook++
      await gates[round]!.promise
    }
  }, () => {})
  const port = await listen(app)
  for (const count of [1000, 200]) {
    inHook = 0
    const statuses: number[] = []
    const clients = Array.from({ length: count }, () => new RawClient(port))
    const all = Promise.all(clients.map(async client => {
      client.write(handshake(ROOM))
      statuses.push((await client.response()).status)
    }))
    await until(() => statuses.length === count - 100)
    t.same(new Set(statuses), new Set([429]))
    t.equal(inHook, 100)
    gates[round]!.resolve()
    await all
    t.same(statuses.slice(count - 100), Array(100).fill(101))
    await Promise.all(clients.map(client => client.destroy()))
    await until(() => app.sockets.size === 0)
    round++
  }
  t.match(app.sockets.stats(), { opened: 200, refused: 1000 })
})
