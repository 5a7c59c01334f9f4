import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'tap'
import { turn } from '../../lib/connection/turn.ts'
import { compressed } from '../support/deflate.ts'
import { type Fed, fedSocket, useUpTurn } from '../support/fed-socket.ts'
import { masked, readFrame } from '../support/frames.ts'
import { numbers, texts } from '../support/limited.ts'
import { BINARY, TEXT } from '../support/opcodes.ts'

/** Notes its messages, each of which takes so many milliseconds. */
function listen (socket: Fed['socket'], milliseconds = 0): unknown[] {
  const notes: unknown[] = []
  socket.on('message', message => {
    notes.push(message)
    const end = performance.now() + milliseconds
    while (performance.now() < end);
  })
  return notes
}

/** The same in a loop, which looks for what waits at once. */
function iterate (socket: Fed['socket']): unknown[] {
  const notes: unknown[] = []
  void (async () => { for await (const message of socket) notes.push(message) })()
  return notes
}

const CONSUMERS = { listeners: listen, 'a loop': iterate }

/** A socket with a listener, and a turn that is over. */
async function overdue (isCompressed = false): Promise<Fed & { found: unknown[] }> {
  const fed = fedSocket({}, isCompressed)
  const found = listen(fed.socket)
  await nextTurn()
  useUpTurn()
  return { ...fed, found }
}

/** Takes one text, and refuses all others. */
const PICKY = {
  encode: null,
  decode: (data: string | Buffer): unknown => {
    if (data === 'good') return data
    throw Object.assign(new Error('bad'), { closeCode: 1008 })
  }
}

test('what a read brings is handed on at once if it is little, whatever the turn has seen', async t => {
  const { feed, found } = await overdue()
  feed(texts(15))
  t.strictSame(found, numbers(15))
})

test('more than that waits when the turn is over, in its order, and goes on in later ones', async t => {
  const { inside, feed, found } = await overdue()
  feed(texts(100))
  t.strictSame(found, numbers(16))
  t.equal(inside.connection.isPaused, true)
  while (found.length < 100) await nextTurn()
  t.strictSame(found, numbers(100))
  t.equal(inside.connection.isPaused, false)
})

test('large messages use up the allowance by their bytes', async t => {
  const { feed, found } = await overdue()
  feed(Buffer.concat([masked(TEXT, 'x'.repeat(5000)), masked(TEXT, 'y')]))
  t.equal(found.length, 1)
  while (found.length < 2) await nextTurn()
})

test('a flood is cut into turns of some milliseconds, between which timers go on', async t => {
  const { socket, feed } = fedSocket()
  const found = listen(socket, 1)
  await nextTurn()
  feed(texts(200))
  let turns = 0
  for (let before = 0; found.length < 200; before = found.length, turns++) {
    await nextTurn()
    t.ok(found.length - before <= 48, `${found.length - before} in one turn`)
  }
  t.ok(turns > 5)
  t.strictSame(found, numbers(200))
})

test('those who wait take turns', async t => {
  const order: string[] = []
  const both = ['a', 'b'].map(name => {
    const one = fedSocket()
    one.socket.on('message', () => {
      order.push(name)
      const end = performance.now() + 0.5
      while (performance.now() < end);
    })
    return one
  })
  await nextTurn()
  useUpTurn()
  for (const { feed } of both) feed(texts(120))
  order.length = 0
  while (order.length < 2 * 104) await nextTurn()
  t.ok(order.indexOf('b') < 40, `b comes after ${order.indexOf('b')} of a`)
  t.ok(order.lastIndexOf('a') > 104, 'and a is not done first')
})

test('a read of 64 KiB is followed by another one in a later turn only, if this one is over', async t => {
  const { socket, inside, feed } = fedSocket()
  listen(socket)
  const wire = masked(BINARY, Buffer.alloc(200_000))
  await nextTurn()
  feed(wire.subarray(0, 70_000))
  useUpTurn()
  feed(wire.subarray(70_000, 140_000))
  t.equal(inside.connection.isPaused, true)
  await nextTurn()
  t.equal(inside.connection.isPaused, false)
})

test('nothing is inflated when the turn is over', async t => {
  const { feed, found } = await overdue(true)
  feed(compressed(TEXT, Buffer.from('a')))
  t.strictSame(found, [])
  await nextTurn()
  t.strictSame(found, ['a'])
})

test('a message from the thread pool is not handed on when the turn is over', async t => {
  const { socket, inside, feed } = fedSocket({}, true)
  const found = listen(socket)
  await nextTurn()
  feed(Buffer.concat([compressed(BINARY, Buffer.alloc(1_000_000, 'abcdefg')), masked(TEXT, 'behind')]))
  t.equal(inside.connection.isPaused, true)
  // Whenever it comes, it meets a turn that is over.
  while (found.length === 0) {
    await nextTurn()
    useUpTurn()
  }
  while (found.length < 2) await nextTurn()
  t.strictSame([(found[0] as Buffer).length, found[1]], [1_000_000, 'behind'])
})

test('a socket that ends while its bytes wait for their turn ends when they have had it', async t => {
  const { socket, feed, far, found } = await overdue()
  feed(texts(50))
  far.destroy()
  await socket.closed
  t.strictSame(found, numbers(50))
})

test('a socket that is cut while its bytes wait for their turn gets none of them', async t => {
  const { socket, feed, found } = await overdue()
  feed(texts(50))
  const before = found.length
  socket.terminate()
  await socket.closed
  for (let i = 0; i < 3; i++) await nextTurn()
  t.equal(found.length, before)
})

for (const [consumer, consume] of Object.entries(CONSUMERS)) {
  test(`what waits in the queue has turns as well, for ${consumer}`, async t => {
    const { socket, feed } = fedSocket()
    feed(texts(100))
    await nextTurn()
    useUpTurn()
    const found = consume(socket)
    // All microtasks.
    await new Promise(process.nextTick)
    t.ok(found.length > 0 && found.length < 40, `${found.length} in the turn that was over`)
    feed(masked(TEXT, '100'))
    t.notOk(found.includes('100'), 'what comes meanwhile waits behind it')
    while (found.length < 101) await nextTurn()
    t.strictSame(found, numbers(101))
  })

  test(`messages that are refused use up turns too, for ${consumer}`, async t => {
    let refused = 0
    const { socket, feed } = fedSocket({
      codec: PICKY,
      onInvalidMessage: () => { refused++ }
    })
    feed(Buffer.concat([...Array(100).fill(masked(TEXT, 'bad')), masked(TEXT, 'good')]))
    await nextTurn()
    useUpTurn()
    const found = consume(socket)
    await new Promise(process.nextTick)
    t.ok(refused > 0 && refused < 40, `${refused} in the turn that was over`)
    while (found.length === 0) await nextTurn()
    t.equal(refused, 100)
  })
}

test('a loop that waits for its turn ends with the connection, behind what waits', async t => {
  for (const last of ['good', 'bad']) {
    const { socket, feed, far } = fedSocket({ codec: PICKY })
    feed(Buffer.concat([...Array(40).fill(masked(TEXT, 'bad')), masked(TEXT, last)]))
    await nextTurn()
    useUpTurn()
    const messages = socket[Symbol.asyncIterator]()
    const next = messages.next()
    far.destroy()
    await socket.closed
    t.strictSame(await next, last === 'good' ? { done: false, value: 'good' } : { done: true, value: undefined })
  }
})

test('a loop that is left while it waits for its turn is at its end', async t => {
  const { socket, feed } = fedSocket({ codec: PICKY })
  feed(texts(40))
  await nextTurn()
  useUpTurn()
  const messages = socket[Symbol.asyncIterator]()
  const next = messages.next()
  await messages.return!()
  t.strictSame(await next, { done: true, value: undefined })
  await nextTurn()
  t.equal(socket.state, 'closing')
})

test('messages that wait behind one in the thread pool are deflated in turns', async t => {
  const { socket, far } = fedSocket({ maxBuffered: Infinity }, true)
  const received: Buffer[] = []
  far.on('data', chunk => { received.push(chunk) })
  const frames = (): number => {
    let count = 0
    for (let wire = Buffer.concat(received), frame; (frame = readFrame(wire)) !== null; wire = wire.subarray(frame.size)) count++
    return count
  }
  socket.send(Buffer.alloc(100_000, 'abc'))
  // Some 0.3 ms of zlib each.
  const text = Buffer.from(randomBytes(8000).toString('hex'))
  for (let i = 0; i < 200; i++) socket.send(text)
  let largest = 0
  for (let before = 0; frames() < 201; before = frames()) {
    await nextTurn()
    useUpTurn()
    largest = Math.max(largest, frames() - before)
  }
  t.ok(largest < 150, `${largest} at a time`)
  void socket.close()
})

test('a connection that is gone while its messages wait to be deflated sends none of them', async t => {
  const { socket, far } = fedSocket({ maxBuffered: Infinity }, true)
  far.resume()
  socket.send(Buffer.alloc(100_000, 'abc'))
  const text = Buffer.from(randomBytes(8000).toString('hex'))
  for (let i = 0; i < 200; i++) socket.send(text)
  const { bufferedAmount } = socket
  while (socket.bufferedAmount === bufferedAmount) {
    await nextTurn()
    useUpTurn()
  }
  socket.terminate()
  await socket.closed
  for (let i = 0; i < 3; i++) await nextTurn()
  t.equal(socket.bufferedAmount, 0)
})

test('whoever waits goes on in the context in which it began to', async t => {
  const store = new AsyncLocalStorage<string>()
  const found: unknown[] = []
  for (const name of ['a', 'b']) store.run(name, () => turn.wait({ takeTurn: () => { found.push(store.getStore()) } }))
  await nextTurn()
  t.strictSame(found, ['a', 'b'])
})
