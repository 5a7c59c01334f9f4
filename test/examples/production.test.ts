import { test } from 'tap'
import { until } from '../support/until.ts'
import { Client, refusal, start } from './support.ts'

test('production: an address has so many connections, one client so many messages, and both are told', async t => {
  const example = await start(t, 'production', { NOTICE: '1' })
  const here = { 'x-forwarded-for': '192.0.2.1' }
  const clients = []
  for (let i = 0; i < 20; i++) clients.push(await Client.open(example, '/rooms/tea', here))
  t.equal(await refusal(example, '/rooms/tea', here), 429)
  const elsewhere = await Client.open(example, '/rooms/tea', { 'x-forwarded-for': '192.0.2.2' })

  const [hasty, polite] = clients as [Client, Client]
  for (let i = 0; i < 200; i++) hasty.sendJSON({ text: 'now' })
  t.match(await hasty.closed, { code: 1013 })
  for (const client of [polite, elsewhere]) {
    client.sendJSON({ text: 'hello' })
    t.same(await client.nextJSON(), { type: 'text', text: 'hello' })
  }
  await until(async () => (await (await fetch(`${example.url}/health`)).json() as any).connections === 20)
  const last = await Client.open(example, '/rooms/tea', here)
  const exitCode = example.stop('SIGINT')
  t.match(await last.closed, { code: 1001 })
  t.equal(await exitCode, 0)
})

test('production: on SIGTERM the health route says it first, then clients are told to come back, then it ends', async t => {
  // Long enough to ask the health route and to connect once more.
  const example = await start(t, 'production', { NOTICE: '3000' })
  const health = async () => {
    const response = await fetch(`${example.url}/health`)
    return [response.status, await response.json()]
  }
  const client = await Client.open(example, '/rooms/tea')
  t.same(await health(), [200, { status: 'ok', connections: 1 }])

  const exitCode = example.stop('SIGTERM')
  await until(async () => (await health())[0] === 503)
  t.same(await health(), [503, { status: 'leaving', connections: 1 }])
  client.sendJSON({ text: 'still here' })
  t.same(await client.nextJSON(), { type: 'text', text: 'still here' }, 'nobody is cut off yet')
  const late = await Client.open(example, '/rooms/tea')

  for (const told of [client, late]) {
    t.same(await told.nextJSON(), { type: 'reconnect' })
    t.match(await told.closed, { code: 1001 })
  }
  t.equal(await exitCode, 0)
})
