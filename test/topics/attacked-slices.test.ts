import { test } from 'tap'
import { turn } from '../support/until.ts'
import { numbers, stage, text, texts, textsSoFar } from './stage.ts'

test('more than a round hands out: all of it arrives in order, also around what is sent directly', async t => {
  const { topics, open } = await stage(t, app => app.topic('/a'))
  const one = await open()
  const other = await open()
  for (const { socket } of [one, other]) await socket.subscribe(topics)
  const all = numbers(1500)
  for (const message of all) void topics.publish(message)
  await turn()
  one.socket.send('direct')
  void topics.publish('last')
  t.same(await texts(other.client, 1501), [...all, 'last'])
  const got = await texts(one.client, 1502)
  t.same(got.filter(text => text !== 'direct'), [...all, 'last'])
  t.equal(got.at(-1), 'last')
})

test('who unsubscribes between two rounds gets what was published before, and nothing after', async t => {
  const { topics, open } = await stage(t, app => app.topic('/a'))
  const one = await open()
  const other = await open()
  for (const { socket } of [one, other]) await socket.subscribe(topics)
  const all = numbers(1200)
  for (const message of all) void topics.publish(message)
  await turn()
  one.socket.unsubscribe(topics)
  await topics.publish('last')
  t.same(await texts(other.client, 1201), [...all, 'last'])
  t.same(await textsSoFar(one), all)
})

test('each of many leaves itself out of many messages of one turn', async t => {
  const { topics, open } = await stage(t, app => app.topic('/a'))
  const all = await Promise.all(Array.from({ length: 20 }, () => open()))
  for (const { socket } of all) await socket.subscribe(topics)
  for (const [i, { socket }] of all.entries()) void topics.publish(String(i), { except: socket })
  const numbersOf = Array.from(all.keys(), String)
  for (const [i, { client }] of all.entries()) t.same(await texts(client, 19), numbersOf.filter(text => text !== String(i)))
})

test('who is left out of all of many messages gets none of them', async t => {
  const { topics, open } = await stage(t, app => app.topic('/a'))
  const one = await open()
  const other = await open()
  for (const { socket } of [one, other]) await socket.subscribe(topics)
  for (const message of numbers(20)) void topics.publish(message, { except: one.socket })
  t.same(await texts(other.client, 20), numbers(20))
  await topics.publish('last')
  t.equal(await text(one.client), 'last')
})
