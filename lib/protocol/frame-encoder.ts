import { mask } from './mask.ts'
import { writeUtf8 } from './utf8.ts'

/** Added to the opcode of a compressed message (RFC 7692 §6.1). */
export const RSV1 = 0x40

/** The longest header: two bytes, a 64-bit length, a masking key. */
export const MAX_HEADER = 14

/** Length of a frame's header, in bytes (RFC 6455 §5.2). */
export function headerLength (payloadLength: number, masked: boolean): number {
  const length = payloadLength < 126 ? 2 : payloadLength < 65_536 ? 4 : 10
  return masked ? length + 4 : length
}

/**
 * Writes the header of a frame with FIN set.
 *
 * @param key the masking key as a little-endian 32-bit number, or null for an unmasked frame
 * @returns the index after the header
 */
export function writeHeader (
  target: Buffer, at: number, opcode: number, payloadLength: number, key: number | null
): number {
  const maskBit = key === null ? 0 : 0x80
  target[at++] = 0x80 | opcode
  if (payloadLength < 126) {
    target[at++] = maskBit | payloadLength
  } else if (payloadLength < 65_536) {
    target[at++] = maskBit | 126
    target[at++] = payloadLength >>> 8
    target[at++] = payloadLength
  } else {
    target[at++] = maskBit | 127
    at = target.writeUInt32BE(Math.floor(payloadLength / 0x1_0000_0000), at)
    at = target.writeUInt32BE(payloadLength >>> 0, at)
  }
  return key === null ? at : target.writeInt32LE(key, at)
}

/** Writes a whole frame: header, payload, mask. Returns the index after it. */
export function writeFrame (
  target: Buffer, at: number, opcode: number, payload: Uint8Array, key: number | null
): number {
  const start = writeHeader(target, at, opcode, payload.length, key)
  target.set(payload, start)
  const end = start + payload.length
  if (key !== null) mask(target, start, end, key, 0)
  return end
}

/** Writes a whole text frame whose UTF-8 length the caller knows. Returns the index after it. */
export function writeTextFrame (
  target: Buffer, at: number, opcode: number, text: string, byteLength: number, key: number | null
): number {
  const start = writeHeader(target, at, opcode, byteLength, key)
  const end = start + byteLength
  writeUtf8(target, start, text, byteLength)
  if (key !== null) mask(target, start, end, key, 0)
  return end
}

/** The longest text for `writeShortText`, in characters: its UTF-8 fits the shortest header. */
export const SHORT_TEXT = 32

/**
 * Writes a whole text frame of at most `SHORT_TEXT` characters. A loop costs less here than the native calls that measure
 * and write: echo of 20 B, ns per frame, 276 against 412 (Node 20). Returns the index after the frame.
 */
export function writeShortText (target: Buffer, at: number, opcode: number, text: string, key: number | null): number {
  const start = at + headerLength(0, key !== null)
  let end = start
  let seen = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    seen |= unit
    target[end++] = unit
  }
  if (seen > 0x7f) end = start + target.write(text, start, 'utf8')
  writeHeader(target, at, opcode, end - start, key)
  if (key !== null) mask(target, start, end, key, 0)
  return end
}
