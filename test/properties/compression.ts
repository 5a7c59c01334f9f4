import { isUtf8 } from 'node:buffer'
import { constants, type ZlibOptions } from 'node:zlib'
import * as fc from 'fast-check'
import type { Direction } from '../../lib/deflate/negotiate.ts'
import { PeerDeflater } from '../support/deflate.ts'
import { generator } from '../support/splits.ts'
import { bytes, control, type Message, pieces, role, text } from './arbitraries.ts'

/** The reserved bits of a compressed message's first frame, as a number. */
const RSV1 = 4

export const direction: fc.Arbitrary<Direction> = fc.record({
  contextTakeover: fc.boolean(), windowBits: fc.integer({ min: 8, max: 15 })
}, { noNullPrototype: true })

/** Letters of an alphabet, in no order. */
function letters (length: number, alphabet: number, seed: number): Buffer {
  const next = generator(seed)
  const block = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) block[i] = 0x21 + Math.floor(next() * alphabet)
  return block
}

/** A block that comes again: as far away as it is long, which may be in the window or just out of it. */
const repeated = fc.record({
  length: fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 3000 }) }, { weight: 1, arbitrary: fc.nat({ max: 40_000 }) }),
  alphabet: fc.integer({ min: 1, max: 200 }),
  times: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat()
}).map(({ length, alphabet, times, seed }) => {
  const block = letters(length, alphabet, seed)
  return Buffer.concat(Array.from({ length: times }, () => block))
})

const SIZES = [1023, 1024, 16_383, 16_384, 16_385, 131_072, 200_000]

/** Not empty; from what cannot be compressed to what almost vanishes, with sizes around those of the thread pool. */
export const compressible: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 3, arbitrary: repeated },
  { weight: 2, arbitrary: text.map(one => Buffer.from(one)) },
  { weight: 1, arbitrary: bytes.map(one => Buffer.from(one)) },
  { weight: 1, arbitrary: fc.constantFrom(...SIZES).map(length => Buffer.alloc(length, 'ab')) }
).filter(one => one.length > 0)

/** A message of a peer that compresses, or does not. */
export interface Compressed {
  isText: boolean
  content: Buffer
  compressed: boolean
  /** Parts that end in a final block; 0: none, as it should be. */
  finalBlocks: number
  /** Whether an empty block follows the last of them. */
  open: boolean
  /** How it is cut into frames, before it is known how long it is compressed. */
  cuts: number[]
  between: Array<Message | null>
}

const message: fc.Arbitrary<Compressed> = fc.record({
  isText: fc.boolean(),
  content: fc.oneof({ weight: 20, arbitrary: compressible }, { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) }),
  compressed: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  finalBlocks: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 9 })),
  open: fc.boolean(),
  cuts: fc.array(fc.nat(), { maxLength: 3 }),
  between: fc.array(fc.option(control), { minLength: 4, maxLength: 4 })
}).map(one => ({ ...one, isText: one.isText && isUtf8(one.content) }))

/** How the peer compresses: what it has agreed on, or a smaller window. */
export const peer: fc.Arbitrary<ZlibOptions> = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  memLevel: fc.integer({ min: 1, max: 9 }),
  strategy: fc.constantFrom(
    constants.Z_DEFAULT_STRATEGY, constants.Z_FILTERED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE, constants.Z_FIXED
  )
})

export const exchange = fc.record({
  role, direction, peer, messages: fc.array(message, { minLength: 1, maxLength: 4 })
})

/** The frames of such a peer, and all that must come of them. */
export async function sent (
  { direction, peer, messages }: { direction: Direction, peer: ZlibOptions, messages: Compressed[] }
): Promise<Message> {
  // For raw data zlib takes 9 bits where it is told 8; its references then stay below 2^8 all the same.
  const deflater = new PeerDeflater({ ...peer, windowBits: direction.windowBits }, direction.contextTakeover)
  const all: Message = { frames: [], events: [] }
  for (const { isText, content, compressed, finalBlocks, open, cuts, between } of messages) {
    const payload = !compressed
      ? content
      : finalBlocks > 0 ? deflater.finished(content, finalBlocks, open) : await deflater.deflate(content)
    const parts = pieces(payload, cuts)
    for (const [i, part] of parts.entries()) {
      const opcode = i > 0 ? 0 : isText ? 1 : 2
      all.frames.push({ opcode, payload: part, fin: i === parts.length - 1, rsv: compressed && i === 0 ? RSV1 : 0 })
      const other = i < parts.length - 1 ? between[i] : null
      all.frames.push(...other?.frames ?? [])
      all.events.push(...other?.events ?? [])
    }
    all.events.push(isText ? `text ${content.toString()}` : `binary ${content.toString('latin1')}`)
  }
  deflater.close()
  return all
}
