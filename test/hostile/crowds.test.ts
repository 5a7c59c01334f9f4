import { test } from 'tap'
import { clientClosed } from '../support/app.ts'
import { until } from '../support/until.ts'
import { Crowd, FRAME, MAX_BUFFERED, numbers, OVERHEAD, PEERS, SIZE } from './crowd.ts'
import { MIB } from './support.ts'

function isInOrder (found: number[]): boolean {
  return found.every((number, i) => number >= 0 && (i === 0 || number > found[i - 1]!))
}

test('twenty peers that do not read hold maxBuffered each; what is dropped is counted, what is not arrives', async t => {
  const server = await Crowd.start(t)
  const clients = await server.join('/drop')
  const found = numbers(clients)
  const before = await server.ask('collect')
  for (const client of clients) client.pause()

  await server.until(({ droppedBySocket }) => droppedBySocket.every(count => count >= 20), 'send', 20)
  await server.othersAreServed()
  const full = await server.ask('collect')
  t.ok(full.mostBuffered <= MAX_BUFFERED + FRAME - SIZE, `${full.mostBuffered} bytes wait for one`)
  t.ok(full.bufferedAmount > PEERS * (MAX_BUFFERED - 2 * FRAME), `${full.bufferedAmount} bytes wait in all`)
  const grown = full.held - before.held
  t.ok(grown > full.bufferedAmount / 2, 'it is this that is measured')
  t.ok(grown < PEERS * (MAX_BUFFERED + OVERHEAD), `${grown} bytes are held for ${full.bufferedAmount}`)
  await server.ask('send', 100)
  const more = await server.ask('collect')
  t.ok(more.held - full.held < MIB, 'more messages make no difference')
  // The system may still have found room for one or two.
  t.ok(more.droppedBySocket.every((count, i) => count > full.droppedBySocket[i]! + 90))
  t.equal(more.open, PEERS + 1, 'nobody is closed')
  t.equal(more.drains, full.drains)

  for (const client of clients) client.resume()
  const drained = await server.until(({ drains, bufferedAmount }) => {
    return drains === full.drains + PEERS && bufferedAmount === 0
  })
  const last = await server.ask('send')
  await until(() => found.every(one => one.at(-1) === last.sent - 1))
  const wanted = drained.droppedBySocket.map(count => last.sent - count)
  t.same(found.map(one => one.length).sort(), wanted.sort(), 'what was not dropped')
  t.ok(found.every(isInOrder))
  const left = (await server.ask('collect')).held - before.held
  t.ok(left < 4 * MIB, `${left} bytes are left`)
})

test('with overflow close twenty peers that do not read get 1013 and are cut, and what waited is freed', async t => {
  const server = await Crowd.start(t)
  const clients = await server.join('/close')
  const before = await server.ask('collect')
  for (const client of clients) client.pause()
  const closed = Promise.all(clients.slice(1).map(clientClosed))
  // One of them begins to read again when it is told, and learns why.
  const told = clientClosed(clients[0]!)
  await server.until(({ droppedBySocket }) => droppedBySocket.every(count => count === 1), 'send', 20)
  clients[0]!.resume()
  const full = await server.ask('collect')
  await server.othersAreServed()
  t.ok(full.mostBuffered <= MAX_BUFFERED + FRAME - SIZE)
  const grown = full.held - before.held
  t.ok(grown < PEERS * (MAX_BUFFERED + OVERHEAD), `${grown} bytes are held`)
  t.match(await told, { code: 1013, reason: 'the peer reads too slowly' })
  t.equal((await server.until(({ closed }) => closed === 1)).open, PEERS, 'the others have their time')
  await server.ask('passCloseTimeout')
  await server.until(({ open }) => open === 1)
  const after = await server.ask('collect')
  t.equal(after.closed, PEERS)
  t.equal(after.bufferedAmount, 0)
  const left = after.held - before.held
  t.ok(left < 4 * MIB, `${left} bytes are left`)
  for (const client of clients) client.resume()
  await closed
})
