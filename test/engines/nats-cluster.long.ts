import { test } from 'tap'
import { DriverProcess, textOf } from '../../lib/backplane-tests/driver-setting.ts'
import { sleep } from '../../lib/backplane-tests/waiting.ts'
import type { Place } from '../../types/backplane.ts'
import { nats } from 'fastify-sockets/nats'
import { until } from '../support/until.ts'
import { freePort } from '../support/ports.ts'
import { startNats } from './servers.ts'

const KEEP = { size: 50, ttl: 60_000 }

test('three servers that keep three copies: one is killed, and nothing is lost', async t => {
  const routes = [await freePort(), await freePort(), await freePort()]
  const servers = await Promise.all(routes.map((port, i) => startNats(t, {
    config: `server_name: n${i}\ncluster { name: c, listen: "127.0.0.1:${port}", routes: [${routes.map(route => `"nats://127.0.0.1:${route}"`).join(', ')}] }\n`
  })))
  const urls = servers.map(({ port }) => `127.0.0.1:${port}`)
  const connect = async (i: number) => {
    const driver = nats({ servers: [...urls.slice(i), ...urls.slice(0, i)], noRandomize: true, ignoreClusterUpdates: true }, { replicas: 3 }).create()
    t.teardown(() => driver.close())
    return new DriverProcess(driver, sleep, KEEP)
  }
  // The servers elect a leader first.
  let first = await connect(0)
  await until(async () => {
    try {
      await first.open()
      return true
    } catch {
      await first.driver.close()
      first = await connect(0)
      return false
    }
  }, 'the cluster to have a leader')
  const all = [first, await connect(1), await connect(2)]
  for (const process of all.slice(1)) await process.open()
  const places: Place[] = []
  for (const process of all) places.push((await process.subscribe('a', KEEP))!)
  t.same(places[1], places[0])
  await Promise.all(all.map((process, i) => process.publishAll([1, 2, 3].map(n => ({ topic: 'a', text: `${i} ${n}`, retention: KEEP })))))
  for (const process of all) await until(() => process.heardOf('a').length === 9, 'nine messages')
  const heard = all.map(process => process.heardOf('a').map(({ text }) => text))
  t.strictSame(heard[1], heard[0])
  t.strictSame(heard[2], heard[0])
  t.equal(await all[1]!.driver.join('a', { id: 'ann', info: '' }), true)
  t.equal(await all[2]!.driver.join('a', { id: 'ann', info: '' }), false)
  const id = await all[1]!.publish('a', 'id', KEEP, 'id')
  await servers[0]!.kill()
  const [, second, third] = all as [DriverProcess, DriverProcess, DriverProcess]
  await until(async () => await second.publish('a', 'id', KEEP, 'id').catch(() => null) === id, 'the others to go on')
  // Each stream has a leader of its own, which the others elect when it was the one that was killed.
  const soon = async <Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer> => {
    let answer: { is: Answer } | null = null
    await until(async () => {
      answer = await ask().then(is => ({ is }), () => null)
      return answer !== null
    }, what)
    return answer!.is
  }
  for (const { driver } of [second, third]) {
    const part = await soon('the history', () => driver.read('a', KEEP, places[0]!.at, 50))
    t.strictSame(part!.messages.map(({ bytes }) => textOf(bytes)), [...heard[0]!, 'id'])
    t.equal(await soon('the members', () => driver.count('a')), 1)
  }
  await until(() => first.states.at(-1) === 'up', 'the first to have gone to another server')
  const last = await soon('the last message', () => first.driver.last('a', KEEP, 1))
  t.equal(textOf(last[0]!.bytes), 'id')
})
