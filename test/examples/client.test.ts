import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { startExample } from '../support/example.ts'
import { plainNode } from '../support/plain-node.ts'
import { RUNS_TYPESCRIPT } from './support.ts'
import { until } from '../support/until.ts'

test('client: it says what is typed, and comes back when the server was killed and started again', async t => {
  let demo = await startExample('typed-chat')
  t.teardown(() => demo.stop())
  const program = fileURLToPath(new URL(RUNS_TYPESCRIPT ? 'examples/client.ts' : 'dist/examples/client.js', import.meta.resolve('fastify-sockets/package.json')))
  const child = spawn(...plainNode(program, 'tea & cake', 'Ada'), {
    env: { ...process.env, SERVER: demo.url }, stdio: ['pipe', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const exit = once(child, 'exit')
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', line => { lines.push(line) })
  const count = (line: string): number => lines.filter(one => one === line).length

  await until(() => count('[open]') === 1, 'it is open')
  child.stdin.write('hello\n')
  await until(() => count('Ada: hello') === 1, 'it hears itself')

  await demo.stop('SIGKILL')
  await until(() => lines.some(line => /^\[waiting \d+ ms after 1006, attempt 1\]$/.test(line)), 'it waits')
  child.stdin.write('meanwhile\n')
  await until(() => count('[queued: meanwhile]') === 1, 'what is typed waits')
  demo = await startExample('typed-chat', { PORT: new URL(demo.url).port })
  await until(() => count('[open]') === 2, 'it has come back')
  await until(() => count('Ada: meanwhile') === 1, 'what was typed is said')
  child.stdin.write('and now\n')
  await until(() => count('Ada: and now') === 1, 'it goes on')
  t.same(lines.filter(line => line.startsWith('Ada: ')), ['Ada: hello', 'Ada: meanwhile', 'Ada: and now'], 'nothing is said twice')

  child.kill('SIGINT')
  t.same(await exit, [0, null])
  t.equal(lines.at(-1), 'closed: 1000 ')
})
