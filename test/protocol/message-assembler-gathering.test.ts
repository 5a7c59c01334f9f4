import { test, type Test } from 'tap'
import { FrameDecoder } from '../../lib/protocol/frame-decoder.ts'
import { MessageAssembler, type MessageSink } from '../../lib/protocol/message-assembler.ts'
import { frame } from '../support/frames.ts'
import { BINARY, CONTINUATION, PING, TEXT } from '../support/opcodes.ts'
import { messageReader, type Reader } from './rows.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Notes the size of every buffer asked for from now on; the test's own bytes are made before. */
function watchAllocations (t: Test): number[] {
  const sizes: number[] = []
  for (const name of ['allocUnsafe', 'allocUnsafeSlow'] as const) {
    const original = Buffer[name]
    Buffer[name] = size => {
      sizes.push(size)
      return original(size)
    }
    t.teardown(() => { Buffer[name] = original })
  }
  return sizes
}

function sum (sizes: number[]): number {
  return sizes.reduce((total, size) => total + size, 0)
}

/** A client-role decoder that collects data messages. */
function collector (maxPayload: number): { decoder: FrameDecoder, messages: Array<string | Buffer>, pings: number } {
  const found = { messages: [] as Array<string | Buffer>, pings: 0 }
  const sink: MessageSink = {
    onText: message => { found.messages.push(message) },
    onBinary: data => { found.messages.push(data) },
    onPing: () => { found.pings++ },
    onPong () {},
    onClose () {}
  }
  return Object.assign(found, { decoder: new FrameDecoder('client', new MessageAssembler(sink, maxPayload)) })
}

/** The first bytes of a frame with a 64-bit length. */
function announce (opcode: number, length: number, fin: boolean): Buffer {
  const header = Buffer.from([(fin ? 0x80 : 0) | opcode, 127, 0, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(length, 6)
  return header
}

test('a frame that is only announced gets no room', async t => {
  const { decoder } = collector(MIB)
  const header = announce(BINARY, MIB, true)
  const sizes = watchAllocations(t)
  decoder.push(header)
  t.same(sizes, [])
})

for (const [name, opcode] of [['binary', BINARY], ['text', TEXT]] as const) {
  for (const fin of [true, false]) {
    test(`the room of a ${fin ? 'final' : 'first'} ${name} frame of 1 MiB follows the bytes that came`, async t => {
      const { decoder, messages } = collector(MIB)
      const least = fin ? 64 * KIB : KIB
      const chunks = Array.from({ length: 1023 }, () => Buffer.alloc(KIB, 'x'))
      const header = announce(opcode, MIB, fin)
      const one = Buffer.from('x')
      const sizes = watchAllocations(t)
      decoder.push(header)
      decoder.push(one)
      let received = 1
      let tooLarge = 0
      t.ok(Math.max(...sizes) <= least, `${Math.max(...sizes)} bytes for the first one`)
      for (const chunk of chunks) {
        decoder.push(chunk)
        received += chunk.length
        if (sizes.at(-1)! > Math.max(least, 2 * received)) tooLarge++
      }
      t.equal(tooLarge, 0, 'never more than twice of what was there')
      t.ok(sum(sizes) <= 4 * MIB, `${sum(sizes)} bytes in all`)
      t.same(messages, [])
    })
  }
}

test('a hundred peers that announce 1 MiB and send one byte cost what a byte costs', async t => {
  const open: Reader[] = []
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 100; i++) {
    const reader = messageReader('client')
    reader.decoder.push(announce(BINARY, MIB, true))
    reader.decoder.push(Buffer.from('x'))
    open.push(reader)
  }
  const grown = process.memoryUsage().arrayBuffers - before
  t.ok(grown < 100 * 64 * KIB + 2 * MIB, `${grown} bytes for ${open.length} peers`)
})

test('one byte at a time a frame of 1 MiB costs linear room and arrives right', async t => {
  const { decoder, messages } = collector(MIB)
  const payload = Buffer.from(Array.from({ length: MIB }, (_, i) => i ^ i >> 8))
  const header = announce(BINARY, MIB, true)
  const wire = Array.from(payload, byte => Buffer.from([byte]))
  const sizes = watchAllocations(t)
  decoder.push(header)
  for (const chunk of wire) decoder.push(chunk)
  t.ok(sum(sizes) <= 3 * MIB, `${sum(sizes)} bytes in all`)
  t.equal(sizes.at(-1), MIB, 'the last room is the announced length')
  t.equal(messages.length, 1)
  t.ok(payload.equals(messages[0] as Buffer))
})

for (const [name, opcode] of [['binary message', BINARY], ['text', TEXT]] as const) {
  test(`a ${name} in 100,000 fragments of one byte, and pings, costs linear room and arrives right`, async t => {
    const count = 100_000
    const found = collector(MIB)
    const payload = Buffer.from(Array.from({ length: count }, (_, i) => 32 + i % 90))
    const parts: Buffer[] = []
    for (let i = 0; i < count; i++) {
      parts.push(frame(i === 0 ? opcode : CONTINUATION, payload.subarray(i, i + 1), { fin: i === count - 1 }))
      if (i % 1000 === 0) parts.push(frame(PING))
    }
    const wire = Buffer.concat(parts)
    const sizes = watchAllocations(t)
    found.decoder.push(wire)
    t.ok(sum(sizes) <= 4 * count, `${sum(sizes)} bytes in all`)
    t.equal(found.messages.length, 1)
    t.ok(payload.equals(Buffer.from(found.messages[0]!)))
    t.equal(found.pings, 100)
  })
}

test('100,000 empty fragments cost no room', async t => {
  const found = collector(MIB)
  const wire = Buffer.concat([
    frame(BINARY, '', { fin: false }),
    ...Array.from({ length: 100_000 }, () => frame(CONTINUATION, '', { fin: false })),
    frame(CONTINUATION)
  ])
  const sizes = watchAllocations(t)
  found.decoder.push(wire)
  t.same(sizes, [])
  t.same(found.messages, [Buffer.alloc(0)])
})

test('the room for fragments is bounded by maxPayload', async t => {
  const { decoder, messages } = collector(1500)
  const wire = [
    frame(BINARY, Buffer.alloc(10, 1), { fin: false }),
    frame(CONTINUATION, Buffer.alloc(1200, 2), { fin: false }),
    frame(CONTINUATION, Buffer.alloc(290, 3))
  ]
  const wanted = Buffer.concat([Buffer.alloc(10, 1), Buffer.alloc(1200, 2), Buffer.alloc(290, 3)])
  const sizes = watchAllocations(t)
  for (const part of wire) decoder.push(part)
  t.same(sizes, [1024, 1500])
  t.same(messages, [wanted])
})

test('a last fragment that does not fit makes room for exactly the whole message', async t => {
  const { decoder, messages } = collector(MIB)
  const wire = [frame(BINARY, Buffer.alloc(1000, 1), { fin: false }), frame(CONTINUATION, Buffer.alloc(5000, 2))]
  const sizes = watchAllocations(t)
  for (const part of wire) decoder.push(part)
  t.same(sizes, [2000, 6000])
  t.same(messages, [Buffer.concat([Buffer.alloc(1000, 1), Buffer.alloc(5000, 2)])])
})

test('a large frame cut anywhere, behind another in its chunk, gets room for exactly its length', async t => {
  const data = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i ^ i >> 8))
  const whole = Buffer.concat([frame(PING, 'before'), frame(BINARY, data)])
  const wire = [0, 100, 70_000, 150_000].map((at, i, cuts) => Buffer.from(whole.subarray(at, cuts[i + 1])))
  const { decoder, messages } = collector(MIB)
  const sizes = watchAllocations(t)
  for (const part of wire) decoder.push(part)
  t.equal(sizes.at(-1), data.length)
  t.equal(messages.length, 1)
  t.ok(data.equals(messages[0] as Buffer))
})

test('a message in one frame and one piece is copied once if it is binary, and not at all if it is text', async t => {
  const { decoder, messages } = collector(MIB)
  const data = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i))
  const long = '€'.repeat(20_000)
  const wire = [frame(BINARY, data), frame(TEXT, 'short'), frame(TEXT, long)]
  const sizes = watchAllocations(t)
  for (const part of wire) decoder.push(part)
  t.same(sizes, [70_000])
  t.same(messages, [data, 'short', long])
})

test('messages do not share memory with each other or with what was read', async t => {
  const { decoder, messages } = collector(MIB)
  const wire = Buffer.concat([
    frame(BINARY, 'aaa'), frame(BINARY, 'bbb'),
    frame(BINARY, 'c', { fin: false }), frame(CONTINUATION, 'cc'),
    frame(BINARY, 'd', { fin: false }), frame(CONTINUATION, 'dd')
  ])
  decoder.push(wire)
  wire.fill(0)
  for (const message of messages) {
    t.match(message.toString(), /^(a{3}|b{3}|c{3}|d{3})$/)
    ;(message as Buffer).fill(0)
  }
  t.equal(messages.length, 4)
})
