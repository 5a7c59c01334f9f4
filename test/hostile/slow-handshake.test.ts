import { setInterval } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { handshake, RawClient } from '../support/raw-client.ts'
import { besieged, type Besieged, statusesIn } from './support.ts'

/** Node looks for clients that take too long to send a header, and Fastify answers them: sooner here than usual. */
const server = { http: { headersTimeout: 250, connectionsCheckingInterval: 25 } } as object
const HANDSHAKE = handshake('/')

function siege (t: Test): Promise<Besieged> {
  return besieged(t, () => { t.fail('the handler was called') }, { server })
}

/** Sends a byte every few milliseconds until the connection ends, at last the same one again and again. */
async function drip (client: RawClient, bytes: string): Promise<void> {
  let at = 0
  for await (const _ of setInterval(5)) {
    if (client.ended) return
    client.write(bytes[Math.min(at++, bytes.length - 1)]!)
  }
}

for (const [name, begin, bytes] of [
  ['a byte at a time, from the first one on', '', HANDSHAKE],
  ['a byte at a time at its end, in a header that never ends', HANDSHAKE.slice(0, -2), 'X-Slow: x'],
  ['a byte at a time at its end, in white space', HANDSHAKE.slice(0, -2), 'X-Slow: ']
] as const) {
  test(`a handshake that is sent ${name} gets 408 when headersTimeout is over`, async t => {
    const { port, isOver } = await siege(t)
    const client = new RawClient(port)
    client.write(begin)
    await drip(client, bytes)
    t.same(statusesIn(client.received), [408])
    await isOver()
  })
}

test('the same behind an answered request on the same connection', async t => {
  const { port, isOver } = await siege(t)
  const client = new RawClient(port)
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.equal((await client.response()).status, 426)
  await drip(client, HANDSHAKE)
  t.same(statusesIn(client.received), [408])
  await isOver()
})

test('a hundred that send half a handshake, or nothing, all get 408; connections that are open stay so', async t => {
  const { port, othersAreServed, isOver } = await siege(t)
  const clients = Array.from({ length: 100 }, (_, i) => {
    const client = new RawClient(port)
    client.write(HANDSHAKE.slice(0, i))
    return client
  })
  await othersAreServed()
  await Promise.all(clients.map(client => client.end()))
  for (const client of clients) t.same(statusesIn(client.received), [408])
  await isOver()
})
