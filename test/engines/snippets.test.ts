import { join } from 'node:path'
import { test } from 'tap'
import { ROOT } from '../support/handshakes.ts'
import { compileSnippets, runSnippets, snippets } from '../support/snippets.ts'
import { startNats, startRedis } from './servers.ts'

const OUT = join(ROOT, 'dist/readme-engines')

test('the snippets that name a server run with one', { timeout: 120_000 }, async t => {
  const [redis, nats] = await Promise.all([startRedis(t), startNats(t)])
  const all = snippets(['ts server']).map(one => ({
    ...one,
    code: one.code.replaceAll('redis://127.0.0.1:6379', redis.url).replaceAll('nats://127.0.0.1:4222', nats.url)
  }))
  for (const server of [redis, nats]) t.ok(all.some(({ code }) => code.includes(server.url)), server.name)
  const tsc = await compileSnippets(OUT, all)
  t.equal(tsc.stdout + tsc.stderr, '', 'they compile')
  const run = await runSnippets(OUT, all)
  t.equal(run.stderr, '', 'they report nothing')
  t.notOk(run.failed, 'they end')
  t.match(run.stdout, /done\n$/, 'each runs')
})
