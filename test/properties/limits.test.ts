import { match, ok } from 'node:assert/strict'
import * as fc from 'fast-check'
import { FrameDecoder, type Role } from '../../lib/protocol/frame-decoder.ts'
import { MessageAssembler, type MessageSink } from '../../lib/protocol/message-assembler.ts'
import { decode } from '../support/decode.ts'
import { frame } from '../support/frames.ts'
import { collectGarbage } from '../support/garbage.ts'
import { bytes, cuts, maxPayload, pieces, role, type Spec, stream, wire } from './arbitraries.ts'
import { holds } from './holds.ts'

/** What a message may take beyond the bytes that have come of it: room given in advance. */
const IN_ADVANCE = 64 * 1024
const DECODERS = 32
/** What a small buffer may share with others. `Buffer.poolSize` does not always say how much it is. */
const POOL = Math.max(Buffer.poolSize, Buffer.allocUnsafe(1).buffer.byteLength)

interface Unfinished {
  role: Role
  maxPayload: number
  bytes: Buffer
}

/** Some of a message, then a frame that announces much and brings little. */
const plan = fc.record({
  role,
  opcode: fc.constantFrom(1, 2),
  fragments: fc.array(fc.nat({ max: 3000 }), { maxLength: 10 }),
  fin: fc.boolean(),
  announced: fc.oneof(fc.nat({ max: 100_000 }), fc.nat(), fc.constantFrom(0xffff, 0x10000, 2 ** 24, 2 ** 31, 2 ** 40)),
  brought: fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 100_000 })),
  maxPayload: fc.constantFrom(1000, 100_000, 2 ** 20, 2 ** 32, Number.MAX_SAFE_INTEGER)
})
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never

function carriedOut ({ role, opcode, fragments, fin, announced, brought, maxPayload }: Plan): Unfinished {
  const specs: Spec[] = fragments.map((length, i) =>
    ({ opcode: i === 0 ? opcode : 0, payload: Buffer.alloc(length, 'x'), fin: false }))
  const header = hugeHeader(fragments.length === 0 ? opcode : 0, fin, announced, role)
  const payload = Buffer.alloc(Math.min(announced, brought), role === 'server' ? 0 : 'y')
  return { role, maxPayload, bytes: Buffer.concat([wire(role, specs), header, payload]) }
}

const unfinished = plan.map(carriedOut)

const limitedStream = fc.tuple(stream, maxPayload).map(([one, maxPayload]) => ({ ...one, maxPayload }))

function hugeHeader (opcode: number, fin: boolean, length: number, role: Role): Buffer {
  if (length < 65_536) {
    const whole = frame(opcode, Buffer.alloc(length), { fin, masked: role === 'server' })
    return whole.subarray(0, whole.length - length)
  }
  const header = Buffer.alloc(role === 'server' ? 14 : 10)
  header[0] = (fin ? 0x80 : 0) | opcode
  header[1] = role === 'server' ? 0xff : 0x7f
  header.writeBigUInt64BE(BigInt(length), 2)
  if (role === 'server') header.write('yyyy', 10)
  return header
}

function ignoring (onBinary: (data: Buffer) => void = () => {}): MessageSink {
  return { onText () {}, onBinary, onPing () {}, onPong () {}, onClose () {} }
}

function open (role: Role, maxPayload: number, sink = ignoring()): FrameDecoder {
  return new FrameDecoder(role, new MessageAssembler(sink, maxPayload))
}

/** Feeds copies of the pieces; a violation ends it. */
function feed (decoder: FrameDecoder, parts: Buffer[]): void {
  try {
    for (const part of parts) decoder.push(part)
  } catch {}
}

holds('bytes come to nothing, to a message, or to a violation that says which rule', 2500,
  fc.property(stream, cuts, maxPayload, ({ role, bytes }, cuts, maxPayload) => {
    // Throws what is not a ProtocolError.
    const { code, message } = decode(role, pieces(bytes, cuts), { maxPayload })
    ok([0, 1002, 1007, 1009].includes(code))
    if (code === 1009) match(message, /maxPayload, \d+ bytes$/)
    else if (code !== 0) match(message, /\(RFC 6455 section \d+\.\d+(?:\.\d+)?\)$/)
  }))

holds('a single allocation is never larger than maxPayload, nor than twice what has come', 300,
  fc.property(fc.oneof(unfinished, limitedStream), cuts,
    ({ role, bytes, maxPayload }, cuts) => {
      const parts = pieces(bytes, cuts === 'every byte' ? [] : cuts).map(part => Buffer.from(part))
      const decoder = open(role, maxPayload)
      const { allocUnsafe, allocUnsafeSlow } = Buffer
      let largest = 0
      const watched = (allocate: (size: number) => Buffer<ArrayBuffer>) => (size: number) => {
        largest = Math.max(largest, size)
        return allocate(size)
      }
      Object.assign(Buffer, { allocUnsafe: watched(allocUnsafe), allocUnsafeSlow: watched(allocUnsafeSlow) })
      try {
        for (const part of parts) decoder.push(part)
      } catch {} finally {
        Object.assign(Buffer, { allocUnsafe, allocUnsafeSlow })
      }
      ok(largest <= Math.max(125, Math.min(maxPayload, Math.max(2 * bytes.length, IN_ADVANCE))), `${largest} bytes`)
    }))

holds('an unfinished message holds no more than maxPayload, nor than twice what has come', 8,
  fc.property(plan, fc.array(fc.nat(), { maxLength: 12 }), (plan, cuts) => {
    const { role, bytes, maxPayload } = carriedOut(plan)
    const decoders = Array.from({ length: DECODERS }, () => open(role, maxPayload))
    const chunks = decoders.map(() => pieces(Buffer.from(bytes), cuts) as Buffer[])
    const before = held()
    for (const [i, decoder] of decoders.entries()) feed(decoder, chunks[i]!)
    const each = (held() - before) / DECODERS
    const limit = Math.min(maxPayload, Math.max(2 * bytes.length, IN_ADVANCE)) + POOL
    ok(each <= limit, `${each} bytes held, ${limit} allowed`)
    // Used here so that they outlive the measurement, the chunks as well.
    for (const decoder of decoders) decoder.stop()
    ok(chunks.length === decoders.length)
  }))

function held (): number {
  // What the first leaves to be freed beside the program, the second waits for.
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}

holds('a message handed on keeps no more than twice its size', 300,
  fc.property(role, fc.array(bytes, { minLength: 1, maxLength: 20 }), cuts, (role, parts, cuts) => {
    let data: Buffer | null = null
    const specs = parts.map((payload, i) => ({ opcode: i === 0 ? 2 : 0, payload, fin: i === parts.length - 1 }))
    feed(open(role, 2 ** 20, ignoring(received => { data = received })), pieces(wire(role, specs), cuts) as Buffer[])
    const { buffer, length } = data! as Buffer
    ok(buffer.byteLength <= Math.max(2 * length, POOL), `${length} bytes in ${buffer.byteLength}`)
  }))
