/**
 * Below this many bytes the word loop does not pay for its set-up.
 * Node 20, ns a call, byte loop / word loop: 16 B 14/35, 32 B 27/38, 48 B 40/41, 64 B 52/43, 1 KiB 800/210.
 */
const WORD_LOOP_FROM = 64

/**
 * Masks or unmasks in place, which are the same operation (RFC 6455 §5.3).
 *
 * @param bytes where the payload lies
 * @param start index of the first byte to mask
 * @param end index after the last one
 * @param key the masking key: its four bytes as they stand on the wire, read as a little-endian 32-bit number
 * @param offset how many bytes of the same payload came before, so that a payload can be masked in pieces
 */
export function mask (bytes: Uint8Array, start: number, end: number, key: number, offset: number): void {
  let rotated = rotate(key, offset & 3)
  let i = start
  if (end - start >= WORD_LOOP_FROM) {
    // Typed arrays of words must begin at a multiple of four in the memory below.
    const lead = -(bytes.byteOffset + start) & 3
    for (const stop = start + lead; i < stop; i++) {
      bytes[i]! ^= rotated
      rotated = rotate(rotated, 1)
    }
    const count = (end - i) >> 2
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + i, count)
    for (let w = 0; w < count; w++) words[w]! ^= rotated
    i += count << 2
  }
  for (; i < end; i++) {
    bytes[i]! ^= rotated
    rotated = rotate(rotated, 1)
  }
}

/** The key as it applies `by` bytes further on. */
function rotate (key: number, by: number): number {
  return by === 0 ? key : (key >>> (by << 3)) | (key << (32 - (by << 3)))
}
