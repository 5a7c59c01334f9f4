import Fastify, { type FastifyInstance } from 'fastify'
import sockets, { type PluginOptions, type Socket } from 'fastify-sockets'
import { test, type Test } from 'tap'
import { connect, createApp, listen } from '../support/app.ts'
import { closeBody } from '../support/frames.ts'
import { collectGarbage } from '../support/garbage.ts'
import { deferred } from '../support/handshakes.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import { RawClient } from '../support/raw-client.ts'
import { serverOptions } from '../support/transport.ts'
import { until } from '../support/until.ts'

/*
 * `app.close()` waits for what handlers do, and onClose hooks come after it: what they use is not taken from them.
 */

type AnySocket = Socket<any, any>

interface Site {
  app: FastifyInstance
  port: number
  /** What has happened, in order; onClose hooks among it. */
  events: string[]
}

/** One route at `/`, and onClose hooks wherever a database might have one. */
async function site (t: Test, handler: (socket: AnySocket, events: string[]) => unknown, options: PluginOptions = {}, server = {}): Promise<Site> {
  const events: string[] = []
  const app = Fastify({ ...serverOptions, ...server }) as unknown as FastifyInstance
  t.teardown(() => app.close())
  app.addHook('onClose', async () => { events.push('onClose') })
  app.register(sockets, options)
  app.addHook('onClose', async () => { events.push('onClose') })
  app.register(async child => {
    child.addHook('onClose', async () => { events.push('onClose') })
    child.get('/', { ws: true }, (socket: AnySocket) => handler(socket, events))
  })
  const port = await listen(app)
  return { app, port, events }
}

const HOOKS = ['onClose', 'onClose', 'onClose']

/** A raw client, gone when the test ends. */
async function open (t: Test, port: number): Promise<RawClient> {
  const client = await RawClient.open(port, '/')
  t.teardown(() => client.destroy())
  return client
}

const later = (): Promise<void> => new Promise(resolve => { setTimeout(resolve, 20) })

/** What may still run when the connection has ended. `handled` is called with the last message, some time after it came. */
const WORK: Record<string, (socket: AnySocket, handled: (message: string) => void) => unknown> = {
  async 'an asynchronous handler' (socket, handled) {
    let last = ''
    socket.on('message', message => { last = message })
    await socket.closed
    await later()
    handled(last)
  },
  async 'a loop in a handler' (socket, handled) {
    for await (const message of socket) {
      await later()
      handled(message)
    }
  },
  'a loop that no handler waits for' (socket, handled) {
    void (async () => {
      for await (const message of socket) {
        await later()
        handled(message)
      }
    })()
  },
  async 'what comes behind a loop' (socket, handled) {
    let last = ''
    try {
      for await (const message of socket) last = message
    } finally {
      await later()
      handled(last)
    }
  },
  'an asynchronous listener for messages' (socket, handled) {
    socket.on('message', async message => {
      await later()
      handled(message)
    })
  },
  'an asynchronous listener for the end' (socket, handled) {
    let last = ''
    socket.on('message', message => { last = message })
    socket.on('close', async () => {
      await later()
      handled(last)
    })
  },
  'one that is added after the end' (socket, handled) {
    let last = ''
    socket.on('message', message => { last = message })
    return socket.closed.then(() => {
      socket.on('close', async () => {
        await later()
        handled(last)
      })
    })
  }
}

for (const [what, work] of Object.entries(WORK)) {
  test(`onClose hooks come after ${what}, with what a client sent before it could know`, async t => {
    const { app, port, events } = await site(t, (socket, events) => work(socket, message => { events.push(message) }))
    const client = await open(t, port)
    const closed = app.close()
    t.equal((await client.close()).code, 1001)
    client.send(TEXT, 'in flight')
    client.send(CLOSE, closeBody(1001))
    await closed
    t.strictSame(events, ['in flight', ...HOOKS])
  })
}

for (const name of ['onError', 'onInvalidMessage'] as const) {
  test(`onClose hooks come after an asynchronous ${name}`, async t => {
    const events: string[] = []
    const app = createApp(t, { [name]: async () => {
      await later()
      events.push(name)
    } })
    app.addHook('onClose', async () => { events.push('onClose') })
    app.get('/', { ws: true, schema: { message: { type: 'object' } } }, (socket: AnySocket) => {
      socket.on('message', () => { throw new Error('on purpose') })
    })
    const client = await open(t, await listen(app))
    const closed = app.close()
    await client.close()
    client.send(TEXT, name === 'onError' ? '{}' : '[]')
    client.send(CLOSE)
    await closed
    t.strictSame(events, [name, 'onClose'])
  })
}

test('messages that wait for a loop at the shutdown are handled one after the other, and then come the hooks', async t => {
  const started = deferred()
  const gate = deferred()
  const { app, port, events } = await site(t, async (socket, events) => {
    for await (const message of socket) {
      started.resolve()
      await gate.promise
      events.push(message)
    }
    events.push('end')
  })
  const client = await open(t, port)
  for (const text of ['a', 'b', 'c']) client.send(TEXT, text)
  await started.promise
  await until(() => app.sockets.stats().messagesIn === 3)
  const closed = app.close()
  await client.close()
  client.send(TEXT, 'd')
  client.send(CLOSE)
  await until(() => app.sockets.size === 0)
  t.strictSame(events, [])
  gate.resolve()
  await closed
  t.strictSame(events, ['a', 'b', 'c', 'd', 'end', ...HOOKS])
})

test('a handler whose client has left before the shutdown is waited for as well', async t => {
  const gate = deferred()
  const { app, port, events } = await site(t, async (_socket, events) => {
    await gate.promise
    events.push('done')
  })
  const client = await open(t, port)
  client.reset()
  await until(() => app.sockets.stats().closed === 1)
  const closed = app.close()
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
  t.strictSame(events, [])
  gate.resolve()
  await closed
  t.strictSame(events, ['done', ...HOOKS])
})

test('what waits for a client that has left, and can never end, is not waited for, nor kept', async t => {
  const app = createApp(t)
  app.get('/', { ws: true }, async (socket: AnySocket) => {
    await new Promise(resolve => { socket.once('pong', resolve) })
  })
  const port = await listen(app)
  for (let i = 0; i < 3; i++) {
    const client = await open(t, port)
    client.reset()
  }
  await until(() => app.sockets.stats().closed === 3)
  const ends: string[] = []
  void app.close().then(() => { ends.push('closed') })
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
  t.strictSame(ends, [], 'as long as it cannot be known')
  await until(() => {
    collectGarbage()
    return ends.length > 0
  })
})

test('when half of pluginTimeout is over the server listens no more, and hooks still wait for the handlers', async t => {
  const gate = deferred()
  const { app, port, events } = await site(t, async (socket, events) => {
    await socket.closed
    await gate.promise
    events.push('done')
  }, {}, { pluginTimeout: 100 })
  await connect(port, '/')
  const closed = app.close()
  await until(() => !app.server.listening)
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
  t.strictSame(events, [])
  gate.resolve()
  await closed
  t.strictSame(events, ['done', ...HOOKS])
})

test('at the deadline what still runs is not waited for, and gets no more messages', async t => {
  const gate = deferred()
  const { app, port, events } = await site(t, async (socket, events) => {
    for await (const message of socket) {
      events.push(message)
      await gate.promise
    }
    events.push('end')
  }, { drain: { timeout: 200 } })
  const staying = await open(t, port)
  const leaving = await open(t, port)
  for (const client of [staying, leaving]) {
    client.send(TEXT, 'one')
    client.send(TEXT, 'two')
  }
  await until(() => events.length === 2 && app.sockets.stats().messagesIn === 4)
  const closed = app.close()
  await leaving.close()
  leaving.send(CLOSE)
  await closed
  t.strictSame(events, ['one', 'one', ...HOOKS])
  gate.resolve()
  await until(() => events.length > 6)
  t.strictSame(events, ['one', 'one', ...HOOKS, 'end', 'end'])
})

test('sockets in memory, without a server that listens, are waited for', async t => {
  const app = createApp(t)
  const events: string[] = []
  app.addHook('onClose', async () => { events.push('onClose') })
  app.get('/', { ws: true }, async (socket: AnySocket) => {
    for await (const message of socket) {
      await later()
      events.push(message)
    }
  })
  await app.ready()
  const client = await app.injectWS('/')
  client.send('one')
  client.send('two')
  await app.close()
  t.strictSame(events, ['one', 'two', 'onClose'])
})

test('a code of its own, from onDrain, loses nothing either', async t => {
  const { app, port, events } = await site(t, (socket, events) => {
    socket.on('message', message => { events.push(message) })
  }, { onDrain: socket => { socket.close(1012, 'back in a minute') } })
  const client = await open(t, port)
  const closed = app.close()
  t.strictSame(await client.close(), { code: 1012, reason: 'back in a minute' })
  client.send(TEXT, 'in flight')
  client.send(CLOSE)
  await closed
  t.strictSame(events, ['in flight', ...HOOKS])
})

test('a handler that closes during the shutdown gets no more messages', async t => {
  const { app, port, events } = await site(t, (socket, events) => {
    socket.on('message', message => {
      events.push(message)
      socket.close()
    })
  })
  const client = await open(t, port)
  const closed = app.close()
  t.equal((await client.close()).code, 1001)
  client.send(TEXT, 'one')
  client.send(TEXT, 'two')
  client.send(CLOSE)
  await closed
  t.strictSame(events, ['one', ...HOOKS])
})

test('a server that is closed by itself calls back when the handlers have ended', async t => {
  const { app, port, events } = await site(t, async (socket, events) => {
    await socket.closed
    await later()
    events.push('done')
  })
  await connect(port, '/')
  await new Promise(resolve => { app.server.close(resolve) })
  t.strictSame(events, ['done'])
})
