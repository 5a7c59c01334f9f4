import { simd, simdMemory } from './simd.ts'

/**
 * Outside `simdMemory`: below this many bytes, masking by words does not pay for the typed array it needs.
 * Node 20, ns per call, by bytes/by words: 20 B 23/81, 64 B 56/93, 128 B 106/115, 200 B 161/140, 64 KiB 52,000/23,000.
 */
const WORDS_FROM = 150

/** The key in the byte order of the machine. */
const keyWord = new Int32Array(1)
const keyBytes = new Uint8Array(keyWord.buffer)

/**
 * Masks or unmasks in place: both are the same operation (RFC 6455 §5.3).
 *
 * @param bytes holds the payload
 * @param start index of the first byte to mask
 * @param end index after the last one
 * @param key the masking key: its four bytes as on the wire, read as a little-endian 32-bit number
 * @param offset how many bytes of the same payload came before, so that a payload can be masked in pieces
 */
export function mask (bytes: Uint8Array, start: number, end: number, key: number, offset: number): void {
  const turned = rotate(key, offset & 3)
  if (bytes === simdMemory) simd!.mask(start, end, turned)
  else if (end - start < WORDS_FROM) maskBytes(bytes, start, end, turned)
  else maskWords(bytes, start, end, turned)
}

function maskWords (bytes: Uint8Array, start: number, end: number, key: number): void {
  // An array of words must begin at a multiple of four in its memory.
  const lead = -(bytes.byteOffset + start) & 3
  const first = start + lead
  const count = (end - first) >> 2
  maskBytes(bytes, start, first, key)
  const turned = rotate(key, lead)
  maskBytes(keyBytes.fill(0), 0, 4, turned)
  const word = keyWord[0]!
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + first, count)
  for (let i = 0; i < count; i++) words[i]! ^= word
  maskBytes(bytes, first + (count << 2), end, turned)
}

function maskBytes (bytes: Uint8Array, start: number, end: number, key: number): void {
  const key1 = key >>> 8
  const key2 = key >>> 16
  const key3 = key >>> 24
  let i = start
  for (; i + 4 <= end; i += 4) {
    bytes[i]! ^= key
    bytes[i + 1]! ^= key1
    bytes[i + 2]! ^= key2
    bytes[i + 3]! ^= key3
  }
  if (i < end) bytes[i]! ^= key
  if (i + 1 < end) bytes[i + 1]! ^= key1
  if (i + 2 < end) bytes[i + 2]! ^= key2
}

/** The key as it applies `by` bytes later. */
function rotate (key: number, by: number): number {
  return by === 0 ? key : (key >>> (by << 3)) | (key << (32 - (by << 3)))
}
