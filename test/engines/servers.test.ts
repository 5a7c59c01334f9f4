import { test } from 'tap'
import { existsSync } from 'node:fs'
import { Redis } from 'ioredis'
import { startNats, startRedis } from './servers.ts'

test('a server keeps its data over a kill, and nothing is left of it after the test', async t => {
  let folder = ''
  await t.test('Redis', async t => {
    const server = await startRedis(t, { aof: 'always' })
    folder = server.folder
    const client = new Redis(server.port)
    t.teardown(() => client.disconnect())
    client.on('error', () => {})
    await client.set('a', 'b')
    await server.kill()
    await server.start()
    t.equal(await client.get('a'), 'b')
    server.stop()
    const late = client.get('a')
    t.equal(await Promise.race([late, new Promise(resolve => { setTimeout(resolve, 50, 'nothing') })]), 'nothing')
    server.goOn()
    t.equal(await late, 'b')
  })
  t.notOk(existsSync(folder))
  await t.test('NATS', async t => {
    const server = await startNats(t)
    folder = server.folder
    await server.kill()
    await server.start()
    t.ok(server.pid)
  })
  t.notOk(existsSync(folder))
})
