import { ok } from 'node:assert/strict'
import * as fc from 'fast-check'
import { mask } from '../../lib/protocol/mask.ts'
import { holds } from './holds.ts'

/** RFC 6455 §5.3 as it is written there: byte i of the payload with byte i modulo 4 of the key. */
function byteByByte (bytes: Uint8Array, start: number, end: number, key: Buffer, offset: number): void {
  for (let i = start; i < end; i++) bytes[i]! ^= key[(offset + i - start) % 4]!
}

const length = fc.oneof(
  { weight: 9, arbitrary: fc.nat({ max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 300, max: 70_000 }) }
)
const offset = fc.oneof(fc.nat({ max: 8 }), fc.maxSafeNat())
const keyBytes = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(bytes => Buffer.from(bytes))

/** Bytes that lie `alignment` bytes into the memory below them. */
function lying (alignment: number, length: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(alignment + length + 3), alignment, length)
  for (let i = 0; i < length; i++) bytes[i] = Math.imul(i + 1, 0x9e3779b1) >>> 24
  return bytes
}

holds('masking is what the RFC says, wherever the bytes lie', 4000, fc.property(
  fc.nat({ max: 7 }), fc.nat({ max: 16 }), length, fc.nat({ max: 9 }), keyBytes, offset,
  (alignment, start, length, after, key, offset) => {
    const bytes = lying(alignment, start + length + after)
    const wanted = bytes.slice()
    byteByByte(wanted, start, start + length, key, offset % 4)
    mask(bytes, start, start + length, key.readInt32LE(), offset)
    ok(Buffer.from(bytes.buffer, alignment, bytes.length).equals(wanted))
    ok(new Uint8Array(bytes.buffer, 0, alignment).every(byte => byte === 0), 'bytes before')
  }))

holds('masking in pieces is masking whole, and twice is not at all', 1000, fc.property(
  fc.nat({ max: 7 }), length, keyBytes, fc.nat(), fc.nat(), (alignment, length, key, cut, offset) => {
    const bytes = lying(alignment, length)
    const number = key.readInt32LE()
    const middle = cut % (length + 1)
    mask(bytes, 0, middle, number, offset)
    mask(bytes, middle, length, number, offset + middle)
    mask(bytes, 0, length, number, offset)
    ok(Buffer.from(bytes).equals(lying(alignment, length)))
  }))
