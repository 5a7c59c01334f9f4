/* Promise 2. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { until } from './until.ts'
import {
  answerFaults, deliveryFaults, few, haveAll, lateFaults, publisherOrderFaults, refused, sequenceFaults, slowest
} from './books.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { onEachEngine } from './each-engine.ts'
import { type Follower, startFollowers } from './follower.ts'

/** Milliseconds: longer than any deadline, so that what was sent to the engine has been given up before it goes on. */
const STANDSTILL = 6000
const LOAD = { inFlight: 4, pace: 4 }

interface Scene {
  cluster: Cluster
  rooms: Follower[]
  news: Follower[]
}

async function underLoad (t: Test, cluster: Cluster): Promise<Scene> {
  const [rooms, news] = await Promise.all((['rooms', 'news'] as const).map(kind =>
    startFollowers(t, 6, index => ({ port: () => cluster.node(index).port, kind, room: 'a' })))) as [Follower[], Follower[]]
  await cluster.begin('rooms', 'a', LOAD)
  await cluster.begin('news', 'a', LOAD)
  await wait(500)
  return { cluster, rooms, news }
}

/** What holds whatever has happened to the engine. */
async function proveRecovery (t: Test, { cluster, rooms, news }: Scene, stopped: number, wentOn: number): Promise<void> {
  await wait(500)
  const madeRooms = await cluster.end('rooms')
  const madeNews = await cluster.end('news')
  await until(() => haveAll(madeRooms, rooms), 'everything that was acknowledged')
  t.same(few(answerFaults(madeRooms)), [], `the slowest answer took ${slowest(madeRooms)} ms`)
  t.ok(refused(madeRooms).length > 0, 'with a history, publishing was refused')
  t.same(few(deliveryFaults(madeRooms, rooms)), [], 'what was acknowledged was received, once')
  t.same(few([...sequenceFaults(rooms), ...publisherOrderFaults(rooms)]), [], 'in one order')
  t.same(few(lateFaults(madeRooms, rooms, stopped, wentOn)), [], 'nothing that was refused came later')
  t.same(few(answerFaults(madeNews)), [], `the slowest answer took ${slowest(madeNews)} ms`)
  t.same(few(deliveryFaults(madeNews, news, false)), [], 'without a history, nothing came twice')
  t.same(few(publisherOrderFaults(news)), [])
  t.same(few(lateFaults(madeNews, news, stopped, wentOn)), [])
  t.ok([...rooms, ...news].every(({ connections }) => connections === 1), 'sockets stay')
  t.ok(rooms.every(({ beginnings }) => beginnings.length === 1), 'no client noticed')
  t.ok(news.every(({ beginnings }) => beginnings.length > 1), 'where something was missed, clients were told')
  for (const { backplane, errors } of await cluster.states()) {
    t.equal(backplane!.state, 'up')
    t.same(errors.filter(line => !/FST_ERR_WS_BACKPLANE|cannot be reached/.test(line)), [])
  }
  const isKnown = async (): Promise<boolean> => (await cluster.states()).every(({ backplane }) => typeof backplane!.lag === 'number')
  await until(isKnown, 'the lag is known')
}

/** In the outage: every node's own news reach its own sockets. */
async function proveLocalDelivery (t: Test, { cluster, news }: Scene): Promise<void> {
  const counts = news.map(({ received }) => received.length)
  await until(() => news.every(({ received }, index) => received.length > counts[index]! + 20), 'local delivery goes on')
  const origins = news.map(({ received }, index) => new Set(received.slice(counts[index]! + 10).map(({ from }) => from)))
  for (const [index, own] of origins.entries()) t.strictSame([...own], [`news-${index % cluster.nodes.length}`])
}

onEachEngine('an engine that stands still under load, and goes on', async (t, engine) => {
  const server = await engine.start(t)
  const scene = await underLoad(t, await startCluster(t, server))
  server.stop()
  const stopped = Date.now()
  await scene.cluster.hasState('down')
  t.ok(Date.now() - stopped < 5500, `the outage was seen after ${Date.now() - stopped} ms`)
  await proveLocalDelivery(t, scene)
  await wait(Math.max(0, stopped + STANDSTILL - Date.now()))
  const wentOn = Date.now()
  server.goOn()
  t.comment(`up after ${await scene.cluster.hasState('up')} ms`)
  await proveRecovery(t, scene, stopped, wentOn)
})

onEachEngine('an engine that is killed under load, and comes back with what it had written', async (t, engine) => {
  const server = await engine.start(t)
  const scene = await underLoad(t, await startCluster(t, server))
  await server.kill()
  // What was published before may have been written, and nobody told so.
  const stopped = Date.now()
  await scene.cluster.hasState('down')
  t.ok(Date.now() - stopped < 1500, `the outage was seen after ${Date.now() - stopped} ms`)
  await proveLocalDelivery(t, scene)
  const wentOn = Date.now()
  await server.start()
  t.comment(`up after ${await scene.cluster.hasState('up')} ms`)
  await proveRecovery(t, scene, stopped, wentOn)
})
