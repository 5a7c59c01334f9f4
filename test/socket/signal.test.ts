import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { closeBody } from '../support/frames.ts'
import { CLOSE } from '../support/opcodes.ts'
import { pair, serve } from '../support/serve.ts'
import { until } from '../support/until.ts'

test('socket.signal is one signal, aborted when the connection has ended, with how it ended as the reason', async t => {
  const { client, socket } = await pair(t)
  const { signal } = socket
  t.ok(signal instanceof AbortSignal)
  t.equal(socket.signal, signal)
  const order: string[] = []
  signal.addEventListener('abort', () => { order.push(`abort when ${socket.state}`) })
  socket.on('close', () => { order.push('close') })
  const closed = socket.close(4000, 'done')
  t.equal(signal.aborted, false, 'not before the end')
  await client.close()
  client.send(CLOSE)
  const info = await closed
  t.equal(signal.reason, info)
  t.match(signal.reason, { code: 4000, reason: 'done', wasClean: true, initiator: 'local' })
  t.strictSame(order, ['abort when closed', 'close'])
})

test('asked for after the end it is aborted already', async t => {
  const { client, socket } = await pair(t)
  client.send(CLOSE, closeBody(4001, 'bye'))
  const info = await socket.closed
  t.equal(socket.signal.aborted, true)
  t.equal(socket.signal.reason, info)
  t.equal(socket.signal, socket.signal)
})

test('a connection that is cut aborts it as well', async t => {
  const { client, socket } = await pair(t)
  const aborted = once(socket.signal, 'abort')
  client.reset()
  await aborted
  t.match(socket.signal.reason, { code: 1006, wasClean: false })
})

test('a client of injectWS has one', async t => {
  const { app } = await serve(t, socket => { socket.close(4002) })
  const client = await app.injectWS('/')
  const { signal } = client
  await client.closed
  t.match(signal.reason, { code: 4002, initiator: 'remote' })
})

/** What a handler may be doing for its peer. */
const WORK: Record<string, (signal: AbortSignal) => unknown> = {
  'a timer': signal => sleep(60_000, undefined, { signal }),
  'an event': signal => once(new EventTarget(), 'never', { signal }),
  async 'a request' (signal) {
    const server = createServer(() => {}).listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { signal })
    } finally {
      server.closeAllConnections()
      server.close()
    }
  },
  async 'its own look at it' (signal) {
    while (true) {
      signal.throwIfAborted()
      await sleep(1)
    }
  }
}

for (const [what, work] of Object.entries(WORK)) {
  test(`a handler that the signal takes from ${what} has not failed`, async t => {
    const errors: unknown[] = []
    let outcome: unknown
    const { open, app } = await serve(t, async socket => {
      try {
        await work(socket.signal)
      } catch (error) {
        outcome = error
        throw error
      }
    }, { onError: error => { errors.push(error) } })
    const client = await open()
    client.send(CLOSE)
    await until(() => outcome !== undefined)
    await app.close()
    t.strictSame(errors, [])
  })
}

const hostile = new Proxy({}, { get () { throw new Error('no') }, getPrototypeOf () { throw new Error('no') } })

test('what a handler throws for a reason of its own is a failure, whatever has ended', async t => {
  const errors: unknown[] = []
  const { client, socket } = await pair(t, { onError: error => { errors.push(error) } })
  const early = new DOMException('mine', 'AbortError')
  socket.on('ping', () => { throw early })
  client.send(9)
  await until(() => errors.length === 1)
  client.send(CLOSE)
  const info = await socket.closed
  const wrapped = new Error('the peer has left too early', { cause: info })
  const others = [wrapped, new DOMException('mine', 'AbortError'), hostile, null, undefined, 'text']
  for (const error of others) socket.on('close', () => { throw error })
  await until(() => errors.length > others.length)
  t.equal(errors[0], early)
  for (const [i, error] of others.entries()) t.equal(errors[i + 1], error)
})
