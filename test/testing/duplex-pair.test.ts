import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import { test } from 'tap'
import { duplexPair } from '../../lib/testing/duplex-pair.ts'
import { until } from '../support/until.ts'

test('each end reads what the other writes', async t => {
  const [one, two] = duplexPair()
  one.write('hello')
  t.equal(String((await once(two, 'data'))[0]), 'hello')
  two.write('you too')
  t.equal(String((await once(one, 'data'))[0]), 'you too')
})

test('an end that does not read holds the writer of the other up, and lets it go when it reads', async t => {
  const [one, two] = duplexPair()
  const large = Buffer.alloc(one.writableHighWaterMark * 2)
  let written = false
  t.equal(one.write(large, () => { written = true }), false)
  one.write('after')
  await new Promise(setImmediate)
  t.equal(written, false)
  t.equal(one.writableLength, large.length + 5)

  let read = 0
  two.on('data', chunk => { read += chunk.length })
  await once(one, 'drain')
  await until(() => read === large.length + 5)
  t.equal(written, true)
  t.equal(one.writableLength, 0)
})

test('a write calls back later, never before write() has returned', async t => {
  const [one] = duplexPair()
  const order: string[] = []
  const written = new Promise<void>(resolve => {
    one.write('x', () => {
      order.push('callback')
      resolve()
    })
  })
  order.push('returned')
  await written
  t.same(order, ['returned', 'callback'])
})

test('an end that has ended can still read: the other ends by itself', async t => {
  const [one, two] = duplexPair()
  one.end('last words')
  const chunks: Buffer[] = []
  for await (const chunk of two) chunks.push(chunk)
  t.equal(Buffer.concat(chunks).toString(), 'last words')
})

test('both ends close when both have ended and been read', async t => {
  const [one, two] = duplexPair()
  one.resume().end()
  two.resume().end()
  await Promise.all([finished(one), finished(two)])
  await until(() => one.destroyed && two.destroyed)
  t.equal(one.errored, null)
  t.equal(two.errored, null)
})

test('destroying one end destroys the other, with what it has not read', async t => {
  const [one, two] = duplexPair()
  one.write('never read')
  one.destroy()
  await once(two, 'close')
  t.equal(two.destroyed, true)
  t.equal(two.errored, null)
  two.destroy()
})

test('an end that is destroyed after it has ended leaves the other what it has sent', async t => {
  const [one, two] = duplexPair()
  one.end('last words')
  await once(one, 'finish')
  one.destroy()
  await once(one, 'close')
  t.equal(two.destroyed, false)
  t.equal(String((await once(two, 'data'))[0]), 'last words')
  two.destroy()
})

test('an error belongs to the end that was destroyed with it', async t => {
  const [one, two] = duplexPair()
  const errors: string[] = []
  one.on('error', error => { errors.push(`one: ${error.message}`) })
  two.on('error', error => { errors.push(`two: ${error.message}`) })
  const closed = [one, two].map(end => new Promise(resolve => end.on('close', resolve)))
  one.destroy(new Error('on purpose'))
  await Promise.all(closed)
  t.same(errors, ['one: on purpose'])
})

test('both ends may be destroyed at once', async t => {
  const [one, two] = duplexPair()
  one.destroy()
  two.destroy()
  await Promise.all([once(one, 'close'), once(two, 'close')])
  t.ok(one.destroyed && two.destroyed)
})
