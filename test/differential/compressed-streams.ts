import { deflateRawSync } from 'node:zlib'
import type { Direction } from '../../lib/deflate/negotiate.ts'
import type { Role } from '../../lib/protocol/frame-decoder.ts'
import { deflate } from '../support/deflate.ts'
import { frame } from '../support/frames.ts'
import { controlPayload, invalidText, letters, utf8, validClose, validText } from './payloads.ts'
import type { Random } from './random.ts'
import type { Stream } from './streams.ts'

export interface CompressedStream extends Stream {
  direction: Direction
}

const RSV1 = 4
/** Beginnings of blocks and whole ones: stored, with fixed codes, of the type that is reserved; final or not. */
const BLOCKS = [
  '00', '01', '02', '03', '0300', '06', '07', 'ff', '000000ffff', '010000ffff', '010100feff41', '000100feff41'
]

/** Frames that are right around messages that are compressed, honestly or not. */
export function anyCompressedStream (random: Random): CompressedStream {
  const role = random.pick(['server', 'client'] as const)
  const direction = { contextTakeover: random.chance(0.5), windowBits: 8 + random.int(8) }
  const sender = new Compressor(random, role, direction)
  const parts = []
  for (let left = 1 + random.int(4); left > 0; left--) parts.push(...sender.message())
  if (random.chance(0.2)) parts.push(sender.frame(8, validClose(random)), sender.frame(1, letters(3)))
  return { role, direction, maxPayload: random.pick([1000, 65_536, 1024 * 1024]), bytes: Buffer.concat(parts) }
}

class Compressor {
  readonly #random: Random
  readonly #masked: boolean
  readonly #direction: Direction
  /** What a message may refer to. */
  #history = Buffer.alloc(0)

  constructor (random: Random, role: Role, direction: Direction) {
    this.#random = random
    this.#masked = role === 'server'
    this.#direction = direction
  }

  message (): Buffer[] {
    const random = this.#random
    const isCompressed = random.chance(0.85)
    const isText = random.chance(0.5)
    const content = this.#content(isCompressed && (!isText || random.chance(0.1)))
    const payload = isCompressed ? this.#payload(content) : content
    const count = random.chance(0.5) ? 0 : random.int(4)
    const ends = Array.from({ length: count }, () => random.int(payload.length + 1)).sort((one, other) => one - other)
    return [...ends, payload.length].flatMap((end, i) => {
      const opcode = i > 0 ? 0 : isText ? 1 : 2
      const rsv = (isCompressed && i === 0) || random.chance(0.01) ? RSV1 : 0
      const one = this.frame(opcode, payload.subarray(ends[i - 1] ?? 0, end), i === ends.length, rsv)
      return random.chance(0.1) ? [this.#control(), one] : [one]
    })
  }

  #content (mayBeBad: boolean): Buffer {
    const random = this.#random
    if (random.chance(0.03)) return Buffer.alloc(random.pick([16_384, 16_385, 66_000, 150_000, 1_100_000]), 'ab')
    if (mayBeBad) return random.chance(0.5) ? invalidText(random) : random.bytes(random.pick([3, 30, 300, 999, 1000]))
    // What comes again is what compression is for.
    if (random.chance(0.3)) return Buffer.from(utf8(random, 200).toString().repeat(1 + random.int(20)))
    return validText(random)
  }

  #payload (content: Buffer): Buffer {
    const random = this.#random
    const kind = random.int(30)
    if (kind === 0) return random.bytes(random.int(30))
    if (kind === 1) return Buffer.from(random.pick(BLOCKS) + random.pick(BLOCKS), 'hex')
    if (kind === 2) return Buffer.alloc(0)
    if (kind === 3) return this.#finished(content)
    const payload = this.#deflated(content)
    if (kind === 4) return payload.subarray(0, random.int(payload.length + 1))
    if (kind === 5) return this.#flipped(payload)
    if (kind === 6) return Buffer.concat([payload, Buffer.from(random.pick(BLOCKS), 'hex')])
    return payload
  }

  #deflated (content: Buffer): Buffer {
    const { contextTakeover, windowBits } = this.#direction
    const dictionary = this.#history.subarray(-(2 ** windowBits))
    if (contextTakeover) this.#history = Buffer.concat([dictionary, content.subarray(-(2 ** windowBits))])
    const level = this.#random.int(10)
    return deflate(content, { windowBits, level, ...(dictionary.length > 0 ? { dictionary } : {}) })
  }

  /** With final blocks (RFC 7692 §7.2.3.4); what follows does not refer to what came before. */
  #finished (content: Buffer): Buffer {
    const { windowBits } = this.#direction
    this.#history = Buffer.alloc(0)
    const count = this.#random.pick([1, 1, 2, 3, 17])
    const length = Math.ceil(content.length / count)
    const blocks = Array.from({ length: count }, (_, i) =>
      deflateRawSync(content.subarray(i * length, (i + 1) * length), { windowBits }))
    return Buffer.concat(this.#random.chance(0.7) ? [...blocks, Buffer.from([0])] : blocks)
  }

  #flipped (payload: Buffer): Buffer {
    const copy = Buffer.from(payload)
    if (copy.length > 0) copy[this.#random.int(copy.length)]! ^= 1 << this.#random.int(8)
    return copy
  }

  #control (): Buffer {
    const rsv = this.#random.chance(0.01) ? RSV1 : 0
    return this.frame(this.#random.pick([9, 10]), controlPayload(this.#random), true, rsv)
  }

  frame (opcode: number, payload: Uint8Array, fin = true, rsv = 0): Buffer {
    return frame(opcode, payload, { fin, rsv, masked: this.#masked, key: [...this.#random.bytes(4)] })
  }
}
