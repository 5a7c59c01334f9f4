import { test, type Test } from 'tap'
import { deflate } from '../support/deflate.ts'
import { noise } from '../support/splits.ts'
import { block, Inflating, json, KIB, LARGE, MIB, swelling, SYNC } from './support.ts'

const BOMB = deflate(Buffer.alloc(64 * MIB), { level: 9 })
const SMALL_BOMB = deflate(Buffer.alloc(8 * MIB), { level: 9 })

/** Some other connection's message, for which the thread pool is needed. */
const OTHER = deflate(noise(17 * KIB))

function tooBig (maxPayload: number): { name: string, closeCode: number, message: string } {
  return {
    name: 'ProtocolError', closeCode: 1009, message: `the message is larger than maxPayload, ${maxPayload} bytes`
  }
}

const messages: Array<[name: string, message: Buffer]> = [
  ['a small one', json(100)],
  ['one byte', noise(1)],
  ['one that takes several slices', noise(10 * KIB)],
  ['one that is inflated in the thread pool', noise(LARGE)],
  ['one that swells in the thread pool', json(200 * KIB)],
  ['one that goes over to the thread pool', swelling(300 * KIB)],
  ['one that becomes 1 MiB in one slice', Buffer.alloc(MIB)]
]
for (const [name, message] of messages) {
  for (const contextTakeover of [false, true]) {
    test(`a message may have maxPayload and no more: ${name}, contextTakeover: ${contextTakeover}`, async t => {
      const data = deflate(message, { level: 9 })
      const exact = new Inflating({ contextTakeover }, message.length)
      t.ok((await exact.inflate(data)).message.equals(message))
      exact.close()
      for (const maxPayload of [message.length - 1, message.length >> 1, 0]) {
        const short = new Inflating({ contextTakeover }, maxPayload)
        await t.rejects(short.inflate(data), tooBig(maxPayload))
        short.close()
        t.equal(short.unexpected, 0)
      }
      t.same((await new Inflating().inflate(deflate(json(KIB)))).message, json(KIB), 'what is shared is right')
    })
  }
}

test('the limit holds for each message, and for all its blocks together', async t => {
  for (const contextTakeover of [false, true]) {
    for (const part of [noise(KIB), noise(LARGE), swelling(200 * KIB)]) {
      const inflating = new Inflating({ contextTakeover }, 2 * part.length)
      const one = deflate(part)
      const final = Buffer.concat([one, Buffer.from('0000ffff0300', 'hex')])
      for (let i = 0; i < 3; i++) t.equal((await inflating.inflate(one)).message.length, part.length)
      t.equal((await inflating.inflate(Buffer.concat([final, one]))).message.length, 2 * part.length)
      await t.rejects(inflating.inflate(Buffer.concat([final, final, one])), tooBig(2 * part.length))
    }
  }
})

test('a message that is too large by its last bytes, and broken, does no harm to what waits for zlib behind it', async t => {
  const broken = Buffer.concat([block(noise(65_535)), block(noise(65_535))]).subarray(0, 70_000)
  const jobs = Array.from({ length: 40 }, (_, i) => {
    const maxPayload = i % 4 === 3 ? MIB : broken.length - 20
    const inflating = new Inflating({}, maxPayload)
    return maxPayload === MIB
      ? inflating.inflate(OTHER).then(({ message }) => t.ok(message.equals(noise(17 * KIB))))
      : t.rejects(inflating.inflate(broken), tooBig(maxPayload))
  })
  await Promise.all(jobs)
})

/** Counts the bytes that are asked for while something is done, and a little after. */
async function allocated (t: Test, work: () => Promise<unknown>): Promise<number> {
  const original = Buffer.allocUnsafe
  let sum = 0
  Buffer.allocUnsafe = size => {
    sum += size
    return original(size)
  }
  t.teardown(() => { Buffer.allocUnsafe = original })
  await work()
  await new Inflating().inflate(OTHER)
  Buffer.allocUnsafe = original
  return sum
}

/** Room for the message, for what is too much of it, and for the other message. */
const bombs: Array<[name: string, data: Buffer, maxPayload: number, most: number]> = [
  ['8 MiB in the calling thread, where a slice becomes 1 MiB', SMALL_BOMB, 64 * KIB, 2.2 * MIB],
  ['64 MiB in the thread pool', BOMB, 64 * KIB, 400 * KIB],
  ['2 MiB in both', deflate(swelling(2 * MIB)).subarray(0, SYNC), 160 * KIB, 420 * KIB]
]
for (const [name, data, maxPayload, most] of bombs) {
  for (const contextTakeover of [false, true]) {
    test(`a bomb is inflated to maxPayload and no further: ${name}, contextTakeover: ${contextTakeover}`, async t => {
      const inflating = new Inflating({ contextTakeover }, maxPayload)
      const bytes = await allocated(t, () => t.rejects(inflating.inflate(data), tooBig(maxPayload)))
      t.ok(bytes >= maxPayload && bytes < most, `${bytes} bytes`)
      inflating.close()
    })
  }
}

test('a message may be as large as maxPayload says', async t => {
  const inflating = new Inflating({}, Number.MAX_SAFE_INTEGER)
  const { message } = await inflating.inflate(SMALL_BOMB)
  t.ok(message.equals(Buffer.alloc(8 * MIB)))
})
