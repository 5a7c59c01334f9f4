import { test } from 'tap'
import { Deflater, type DeflaterOwner } from '../../lib/deflate/deflater.ts'
import { Inflater, type InflaterOwner } from '../../lib/deflate/inflater.ts'
import { DEFLATE_DEFAULTS } from '../../lib/deflate/negotiate.ts'
import { deflate } from '../support/deflate.ts'
import { collectGarbage } from '../support/garbage.ts'

const NO_TAKEOVER = { contextTakeover: false, windowBits: 15 }
const TAKEOVER = { contextTakeover: true, windowBits: 15 }
/** Above what the calling thread does. */
const LARGE = Buffer.alloc(100_000, 'some text')
/** More than could be finished one inside of the other. */
const MANY = 20_000

function unexpected (): never {
  throw new Error('nobody waits for it')
}

/** Resolves when a message that came behind all others has been deflated. */
function last (): Promise<void> {
  return new Promise((resolve, reject) => {
    const host: DeflaterOwner = { onDeflated: () => resolve(), onDeflateFailed: reject }
    new Deflater(NO_TAKEOVER, DEFLATE_DEFAULTS, host).deflate(LARGE)
  })
}

test('any number of messages whose connections have vanished may wait to be deflated', async t => {
  const host: DeflaterOwner = { onDeflated: unexpected, onDeflateFailed: unexpected }
  const deflaters = Array.from({ length: MANY }, () => new Deflater(NO_TAKEOVER, DEFLATE_DEFAULTS, host))
  t.ok(deflaters.every(deflater => deflater.deflate(LARGE) === null), 'they are for the thread pool')
  const done = last()
  for (const deflater of deflaters) deflater.close()
  await done
})

for (const [name, direction] of Object.entries({ 'a shared context': NO_TAKEOVER, 'a context of its own': TAKEOVER })) {
  test(`the same of messages that are half inflated, each with ${name}`, async t => {
    const host: InflaterOwner = { onInflated: unexpected, onInflateFailed: unexpected }
    const inflaters = Array.from({ length: 100 }, () => new Inflater(direction, 10_000_000, host))
    // A part of it swells to more than the calling thread does.
    const large = deflate(Buffer.alloc(5_000_000))
    t.ok(inflaters.every(inflater => inflater.inflate(large) === null), 'the rest is for the thread pool')
    const done = last()
    for (const inflater of inflaters) inflater.close()
    await done
  })
}

test('what waits to be deflated is not kept when its connection has vanished', async t => {
  for (let i = 0; i < 10; i++) deflateAndForget(LARGE)
  const done = last()
  const vanished = deflateAndVanish()
  // A WeakRef holds on to what it was made for, until the turn ends.
  await new Promise(setImmediate)
  collectGarbage()
  t.equal(vanished.deref(), undefined)
  await done
})

function deflateAndForget (message: Buffer): void {
  new Deflater(NO_TAKEOVER, DEFLATE_DEFAULTS, { onDeflated: () => {}, onDeflateFailed: unexpected }).deflate(message)
}

function deflateAndVanish (): WeakRef<Buffer> {
  const message = Buffer.alloc(200_000, 'x')
  const deflater = new Deflater(NO_TAKEOVER, DEFLATE_DEFAULTS, { onDeflated: unexpected, onDeflateFailed: unexpected })
  deflater.deflate(message)
  deflater.close()
  return new WeakRef(message)
}
