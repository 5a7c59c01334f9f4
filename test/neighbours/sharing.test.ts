import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { uncaught } from '../support/uncaught.ts'
import { answer, NEIGHBOURS, startUpstream } from './neighbours.ts'

function declareOurs (app: FastifyInstance): void {
  app.register(async child => {
    // Longer than Engine.IO waits for others.
    child.addHook('onRequest', async ({ url }) => { if (url === '/slow') await new Promise(resolve => { setTimeout(resolve, 1500) }) })
    for (const url of ['/ours', '/slow']) {
      child.get(url, { ws: true }, socket => { socket.on('message', message => { socket.send(`ours ${message}`) }) })
    }
  })
}

for (const { name, add, ask, theirs, nobody } of NEIGHBOURS) {
  for (const order of ['before', 'behind'] as const) {
    test(`${name}, ${order} ours: each has its own URLs, and nobody else answers`, async t => {
      const found = uncaught(t)
      const warnings: string[] = []
      const onWarning = ({ message }: Error): void => { warnings.push(message) }
      process.on('warning', onWarning)
      t.teardown(() => { process.off('warning', onWarning) })
      // What @fastify/websocket refuses it keeps.
      const app = createApp(t, { drain: { timeout: 500 } })
      const upstream = await startUpstream(t)
      if (order === 'behind') declareOurs(app)
      const end = await add(app, upstream) as (() => unknown) | undefined
      if (order === 'before') declareOurs(app)
      const port = await listen(app)

      const [ours, slow, other, none] = await Promise.all([
        answer(port, '/ours'), answer(port, '/slow'), ask?.(port) ?? answer(port, '/theirs'), answer(port, '/nobody')
      ])
      t.same([ours, slow, other, none], ['ours hi', 'ours hi', theirs, nobody])
      t.equal(app.sockets.stats().opened, 2)
      t.same(found, [])
      t.same(warnings, [])
      t.same(app.lines.filter(({ level }) => level >= 40).map(({ msg }) => msg), [], 'nothing to warn of')
      await end?.()
    })
  }
}
