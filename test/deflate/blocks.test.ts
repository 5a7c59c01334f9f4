import { test } from 'tap'
import { deflate, PeerDeflater } from '../support/deflate.ts'
import { noise } from '../support/splits.ts'
import { block, END, hex, IDLE, Inflating, json, KIB, left, SYNC, watchZlib } from './support.ts'

function final (content: Buffer): Buffer {
  return block(content, true)
}

const FINAL_END = hex('01')

const EMPTY = Buffer.alloc(0)
/** A final block with no content, compressed. */
const EMPTY_FINAL = hex('03 00')

const examples: Array<[name: string, contextTakeover: boolean, messages: string[]]> = [
  ['one compressed block (§7.2.3.1)', false, ['f2 48 cd c9 c9 07 00']],
  ['the same again, without context takeover (§7.2.3.2)', false, ['f2 48 cd c9 c9 07 00', 'f2 48 cd c9 c9 07 00']],
  ['the same again, sharing the window (§7.2.3.2)', true, ['f2 48 cd c9 c9 07 00', 'f2 00 11 00 00']],
  ['a block with no compression (§7.2.3.3)', false, ['00 05 00 fa ff 48 65 6c 6c 6f 00']],
  ['a block with BFINAL (§7.2.3.4)', false, ['f3 48 cd c9 c9 07 00 00', 'f3 48 cd c9 c9 07 00 00']],
  ['a block with BFINAL, with context takeover (§7.2.3.4)', true, ['f3 48 cd c9 c9 07 00 00', 'f2 48 cd c9 c9 07 00']],
  ['two blocks in one message (§7.2.3.5)', false, ['f2 48 05 00 00 00 ff ff ca c9 c9 07 00']],
  ['two blocks in one message, then a third (§7.2.3.5)', true, [
    'f2 48 05 00 00 00 ff ff ca c9 c9 07 00', 'f2 00 11 00 00'
  ]]
]
for (const [name, contextTakeover, messages] of examples) {
  test(`an example of RFC 7692 is inflated: ${name}`, async t => {
    const inflating = new Inflating({ contextTakeover })
    for (const data of messages) {
      t.same(await inflating.inflate(hex(data)), { message: Buffer.from('Hello'), atOnce: true })
    }
  })
}

/** How a message is put together of two contents. */
const forms: Array<[name: string, make: (a: Buffer, b: Buffer) => Buffer[]]> = [
  ['two blocks and an open one', (a, b) => [block(a), block(b), END]],
  ['two blocks and an open one that is final', (a, b) => [block(a), block(b), FINAL_END]],
  ['blocks among empty ones', (a, b) => [
    block(EMPTY), block(a), block(EMPTY), block(EMPTY), block(b), block(EMPTY), END
  ]],
  ['a final block at the very end', (a, b) => [block(a), final(b)]],
  ['a final block and an open one', (a, b) => [block(a), final(b), END]],
  ['a final block and an open one that is final', (a, b) => [block(a), final(b), FINAL_END]],
  ['a block after a final one', (a, b) => [final(a), block(b), END]],
  ['two final blocks', (a, b) => [final(a), final(b)]],
  ['two final blocks and an open one', (a, b) => [final(a), final(b), END]],
  ['several empty final blocks', (a, b) => [
    EMPTY_FINAL, final(a), EMPTY_FINAL, EMPTY_FINAL, final(EMPTY), final(b), EMPTY_FINAL
  ]],
  ['compressed blocks after final ones', (a, b) => [final(a), deflate(b)]]
]

/** Sizes around those at which the inflater cuts its input, and goes over to the thread pool. */
const SIZES = [1, ...Array.from({ length: 16 }, (_, i) => KIB - i), 2 * KIB, SYNC]

for (const [name, make] of forms) {
  test(`a message is inflated: ${name} (RFC 7692 §7.2.1)`, async t => {
    for (const contextTakeover of [false, true]) {
      const inflating = new Inflating({ contextTakeover })
      for (const size of SIZES) {
        const a = noise(size)
        const b = Buffer.from('and the rest')
        for (const [first, second] of [[a, b], [b, a]] as const) {
          const { message, atOnce } = await inflating.inflate(Buffer.concat(make(first, second)))
          t.ok(message.equals(Buffer.concat([first, second])), `${size} bytes`)
          t.equal(atOnce, size < SYNC)
        }
      }
      inflating.close()
    }
  })
}

test('a block of every length up to a few slices, and what ends it at every place of a slice', async t => {
  const whole = noise(3 * KIB)
  for (const contextTakeover of [false, true]) {
    const inflating = new Inflating({ contextTakeover })
    for (let length = 0; length < whole.length; length += length % KIB > 980 ? 1 : 37) {
      const content = whole.subarray(0, length)
      for (const isFinal of [false, true]) {
        for (const end of isFinal ? [EMPTY, END, FINAL_END] : [END, FINAL_END]) {
          const { message } = await inflating.inflate(Buffer.concat([block(content, isFinal), end]))
          if (!message.equals(content)) t.fail(`${length} bytes`)
        }
      }
    }
  }
  t.pass()
})

test('with context takeover messages go on after one that ended in a final block', async t => {
  const inflating = new Inflating({ contextTakeover: true })
  for (const size of [10, 20 * KIB]) {
    for (const end of [[], [END], [FINAL_END]]) {
      await inflating.inflate(Buffer.concat([final(noise(size)), ...end]))
      const peer = new PeerDeflater()
      for (const text of [noise(200), noise(200), noise(20 * KIB, 2), noise(200)]) {
        t.ok((await inflating.inflate(await peer.deflate(text))).message.equals(text))
      }
    }
  }
})

test('with context takeover messages refer to what followed a final block, of which no memory is kept', async t => {
  const { streams } = watchZlib(t, 'inflate')
  const inflating = new Inflating({ contextTakeover: true })
  const peer = new PeerDeflater()
  const text = noise(20 * KIB, 2)
  const first = Buffer.concat([final(noise(20 * KIB)), await peer.deflate(text)])
  t.ok((await inflating.inflate(first)).message.equals(Buffer.concat([noise(20 * KIB), text])))
  const second = await peer.deflate(text)
  t.ok(second.length < KIB)
  t.ok((await inflating.inflate(second)).message.equals(text))
  t.equal([...streams].filter(({ destroyed }) => !destroyed).length, 1)
  inflating.close()
})

/** Messages that cannot be inflated. */
const broken: Array<[name: string, data: Buffer]> = [
  ['a block of no known type', hex('07 00')],
  ['a block with no compression whose length is wrong', hex('00 05 00 fa fe 48 65 6c 6c 6f 00')],
  ['lengths of codes that make no sense', hex('fd ff ff ff ff ff')],
  ['a text', Buffer.from('Hello')],
  ['a final block that ends in what the receiver appends', hex('f3 48 cd c9 c9 07')],
  ['data that goes wrong in its second slice', Buffer.concat([block(noise(2 * KIB)), hex('07 00')])],
  ['data that goes wrong after a final block', Buffer.concat([final(noise(10)), hex('07 00')])]
]
/** Nothing says that these end too early, but what should come next with context takeover. */
const unfinished: Array<[name: string, data: Buffer]> = [
  ['a block with a byte missing', block(noise(50)).subarray(0, -1)],
  ['a block with three bytes missing', block(noise(50)).subarray(0, -3)],
  ['a block with nine bytes missing', block(noise(50)).subarray(0, -9)],
  ['a block with ten bytes missing', block(noise(50)).subarray(0, -10)],
  ['a compressed block with its end missing', deflate(Buffer.from('Hello, hello!')).subarray(0, -4)],
  ['a final block with bytes missing', final(noise(50)).subarray(0, -20)],
  ['a block with the open one missing', block(noise(50))]
]

const FAULT = /^a compressed message cannot be inflated: .+ \(RFC 7692 section 7\.2\.2\)$/

const LARGE_BLOCK = block(noise(20 * KIB))

for (const [contextTakeover, rows] of [[false, [...broken, ...unfinished]], [true, broken]] as const) {
  for (const [name, data] of rows) {
    test(`1007 ${contextTakeover ? 'with' : 'without'} context takeover: ${name}`, async t => {
      for (const whole of [data, Buffer.concat([LARGE_BLOCK, data])]) {
        const watched = watchZlib(t, 'inflate')
        const inflating = new Inflating({ contextTakeover })
        await t.rejects(inflating.inflate(whole), { name: 'ProtocolError', closeCode: 1007, message: FAULT })
        inflating.close()
        t.ok(whole === data || left(watched) <= IDLE, 'no memory is kept for a large one')
        const other = new Inflating()
        const { message, atOnce } = await other.inflate(deflate(noise(3 * KIB)))
        t.ok(message.equals(noise(3 * KIB)) && atOnce, 'the next message of another connection is right')
        t.equal(inflating.unexpected, 0)
      }
    })
  }
}

test('a message has no more than 16 final blocks before its end: each is a new start for zlib', async t => {
  for (const contextTakeover of [false, true]) {
    for (const before of [EMPTY, noise(20 * KIB)]) {
      const blocks = (count: number): Buffer => Buffer.concat([block(before), ...Array(count).fill(EMPTY_FINAL), END])
      t.ok((await new Inflating({ contextTakeover }).inflate(blocks(16))).message.equals(before))
      const tooMany = { closeCode: 1007, message: /more than 16 final blocks/ }
      await t.rejects(new Inflating({ contextTakeover }).inflate(blocks(17)), tooMany)
      await t.rejects(new Inflating({ contextTakeover }).inflate(blocks(100_000)), tooMany)
    }
  }
})

test('every cut of a compressed message is refused, without context takeover', async t => {
  const inflating = new Inflating()
  const messages = [hex('f2 48 cd c9 c9 07 00'), hex('f2 48 05 00 00 00 ff ff ca c9 c9 07 00'), deflate(json(900))]
  for (const whole of messages) {
    for (let length = 1; length < whole.length; length++) {
      // What is cut off may be what the receiver appends.
      const rest = Buffer.concat([whole.subarray(0, length), hex('00 00 ff ff')])
      if (whole.subarray(0, rest.length).equals(rest)) continue
      const cut = whole.subarray(0, length)
      await t.rejects(inflating.inflate(cut), { closeCode: 1007, message: FAULT }, `${length} of ${whole.length}`)
    }
    t.ok((await inflating.inflate(whole)).message.length > 0)
  }
})
