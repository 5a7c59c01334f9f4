import './hurried.ts'
import type { Socket } from 'fastify-sockets'
import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { turn, until } from '../support/until.ts'
import { numbers } from './stage.ts'

const MANY = 2500

test('a topic with thousands of subscribers is handed out over several turns, while they come, go and are sent to', async t => {
  const app = createApp(t)
  const topic = app.topic('/a')
  const sockets: Array<Socket<any, any>> = []
  app.get('/', { ws: true }, async socket => {
    sockets.push(socket)
    await socket.subscribe(topic)
  })
  await app.ready()
  const got: string[][] = []
  for (let i = 0; i < MANY; i++) {
    const client = await app.injectWS('/')
    const own: string[] = []
    got.push(own)
    client.on('message', text => { own.push(text as string) })
  }
  await until(() => app.sockets.stats().topics['/a']!.subscriptions === MANY)

  void topic.publish('m0')
  // The first thousand have been given it. Whoever takes the place of one of them must not be passed over.
  await turn()
  const leavers = [0, 700, 1600]
  for (const i of leavers) sockets[i]!.unsubscribe(topic)
  sockets[1]!.send('direct')
  sockets[MANY - 2]!.send('direct')
  void topic.publish('m1')
  await turn()
  sockets[2]!.terminate()
  await sockets[1600]!.subscribe(topic)
  await topic.publish('m2')
  await until(() => got.filter(own => own.at(-1) === 'm2').length === MANY - leavers.length, 'all to have got the last')

  const expected = (i: number): string[] => {
    if (i === 1600) return ['m0', 'm2']
    if (leavers.includes(i)) return ['m0']
    return ['m0', 'm1', 'm2']
  }
  const wrong = got.flatMap((own, i) => {
    const published = own.filter(text => text !== 'direct')
    return i === 2 || String(published) === String(expected(i)) ? [] : [{ i, own }]
  })
  t.same(wrong, [])
  t.same(got[1]!.slice(0, 2), ['m0', 'direct'])
  t.same(got[MANY - 2]!.slice(0, 2), ['m0', 'direct'])
})

test('many topics of one turn are handed out over several, and each socket gets all of them', async t => {
  const app = createApp(t)
  const topic = app.topic('/a/:i')
  app.get('/', { ws: true }, async socket => {
    for (let i = 0; i < 50; i++) await socket.subscribe(topic, { i })
  })
  await app.ready()
  const client = await app.injectWS('/')
  const got: string[] = []
  client.on('message', text => { got.push(text as string) })
  await until(() => app.sockets.stats().topics['/a/:i']!.subscriptions === 50)
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 50; i++) void topic.publish({ i }, `${i} ${round}`)
  }
  await until(() => got.length === 150, 'all messages')
  for (let i = 0; i < 50; i++) t.same(got.filter(text => text.startsWith(`${i} `)), numbers(3).map(text => `${i} ${text.slice(1)}`))
})
