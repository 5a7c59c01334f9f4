import { connect } from '@nats-io/transport-node'
import { nats } from 'fastify-sockets/nats'
import { type Test, test, t as file } from 'tap'
import { DriverProcess } from '../../lib/backplane-tests/driver-setting.ts'
import { sleep } from '../../lib/backplane-tests/waiting.ts'
import { Link } from '../../lib/nats/link.ts'
import { settle } from '../../lib/nats/options.ts'
import { until } from '../support/until.ts'
import { NatsServer } from './nats-server.ts'
import { connectTo, newPrefix } from './nats-subject.ts'
import { startNats } from './servers.ts'

const server = await NatsServer.start(file)
const KEEP = { size: 3, ttl: 1000 }
const isUp = (process: DriverProcess) => () => process.states.at(-1) === 'up'

test('whoever may not use JetStream is told why', async t => {
  const strict = await startNats(t, { config: 'authorization { users = [{ user: a, password: b, permissions: { publish: { deny: "$JS.API.>" } } }] }\n' })
  const driver = nats({ servers: `127.0.0.1:${strict.port}`, user: 'a', pass: 'b' }, { deadline: 500 }).create()
  const error = await driver.open(new DriverProcess(driver, sleep, KEEP)).catch((error: Error) => error) as Error
  t.match(error.cause, { message: /permissions violation/i })
  await driver.close()
})

/** A server whose JetStream answers slowly, if at all. */
async function slowly (t: Test, milliseconds: number): Promise<string> {
  const apiPrefix = `$JS.${newPrefix()}.API`
  const connection = await connect({ servers: server.url })
  t.teardown(() => connection.close())
  connection.subscribe(`${apiPrefix}.>`, {
    callback: (_, message) => {
      setTimeout(() => message.respond(JSON.stringify({ error: { err_code: 10_058, description: 'name in use' } })), milliseconds)
    }
  })
  await connection.flush()
  return apiPrefix
}

test('opening has an end, however slow everything is, and however it is closed', async t => {
  const open = async (driver: ReturnType<ReturnType<typeof nats>['create']>) => driver.open(new DriverProcess(driver, sleep, KEEP))
  const slow = nats({ servers: server.url }, { deadline: 200, apiPrefix: await slowly(t, 150) }).create()
  await t.rejects(open(slow), { message: /too long/ })
  const closed = nats({ servers: server.url }, { apiPrefix: await slowly(t, 60_000) }).create()
  const opening = open(closed)
  await sleep(200)
  await closed.close()
  await t.rejects(opening, { message: /closed/ })
  const closing = nats(async () => {
    await closing.close()
    return { servers: server.url }
  }).create()
  await t.rejects(open(closing), { message: /closed/ })
  const late = nats(async () => {
    await sleep(300)
    return { servers: server.url }
  }, { deadline: 200 }).create()
  await t.rejects(open(late), { message: /within 200 ms/ })
  await sleep(300)
  let attempts = 0
  const { way } = await connectTo(server, {})
  const again = nats(async () => {
    if (++attempts === 2) await again.close()
    return { servers: `127.0.0.1:${way.port}` }
  }, { prefix: newPrefix() }).create()
  await open(again)
  way.cut()
  way.mend()
  await until(() => attempts === 2)
  await sleep(100)
  t.equal(attempts, 2)
  await way.close()
})

test('a connection that is lost takes nothing any more', async t => {
  const link = await Link.open(settle({ servers: server.url }, {}), () => t.fail('it was closed by us'))
  link.close()
  link.publish('a', Buffer.from('x'))
  link.announce('a', Buffer.from('x'))
  await t.rejects(link.request('a'), { message: 'closed' })
  await t.rejects(link.flush(), { message: 'closed' })
  await t.rejects(new Promise((_, onFailed) => { link.converse('a', Buffer.from('x'), { onReply: () => false, onFailed }) }), { message: 'closed' })
})

test('without JetStream it does not open, and says why', async t => {
  const { port } = await startNats(t, { jetStream: false })
  const driver = nats({ servers: `127.0.0.1:${port}` }).create()
  await t.rejects(driver.open(new DriverProcess(driver, sleep, KEEP)), { message: /JetStream/ })
  await driver.close()
})

test('options for the connection may be made anew for each attempt, and what they throw is told', async t => {
  const { way } = await connectTo(server, {})
  t.teardown(() => way.close())
  let attempts = 0
  const prefix = newPrefix()
  const driver = nats(async () => {
    if (++attempts === 2) throw new Error('no credentials')
    return { servers: `127.0.0.1:${way.port}`, inboxPrefix: '_INBOX_x' }
  }, { prefix }).create()
  const process = new DriverProcess(driver, sleep, KEEP)
  await process.open()
  t.teardown(() => driver.close())
  way.cut()
  way.mend()
  await until(isUp(process), 'it to be up again')
  t.equal(attempts, 3)
  const failing = nats(() => { throw new Error('no credentials') }).create()
  await t.rejects(failing.open(new DriverProcess(failing, sleep, KEEP)), { message: /no credentials/ })
})
