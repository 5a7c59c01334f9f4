import { isAscii as isAsciiNatively, isUtf8, transcode } from 'node:buffer'
import { simd, simdMemory } from './simd.ts'

/**
 * Before Node 24, long text is decoded faster in two steps, by way of UTF-16, than in V8's single step. µs in one/two
 * steps: Node 20: 200 B 0.64/1.12, 2,000 B 5.8/3.0, 64 KiB 185/54; Node 24: 2,000 B 1.7/3.0, 64 KiB 50/55.
 */
const DECODED_IN_TWO_FROM = 1024
/**
 * Before Node 25, the same holds for encoding text that V8 keeps in UTF-16. µs in one/two steps, 64 KiB and 2,000 B:
 * Node 20 68/11 and 2.7/1.8, Node 24 109/12 and 3.5/1.4, Node 26 17/18 and 0.7/1.8.
 */
const ENCODED_IN_TWO_FROM = 2048
const v8 = Number.parseInt(process.versions.v8)
// A Node without ICU cannot transcode.
const decodesInTwo = v8 < 13 && transcode !== undefined
const encodesInTwo = v8 < 14 && transcode !== undefined

/** Holds text as UTF-16 on its way to UTF-8: allocating this each time took a third of the time. */
const utf16 = Buffer.allocUnsafeSlow(128 * 1024)

/** Up to here a loop beats the native check, which needs a view. Node 20, ns, by loop/native: 20 B 20/116, 100 B 80/116. */
const SHORT = 100

export function isAscii (bytes: Buffer, start: number, end: number): boolean {
  if (bytes === simdMemory) return simd!.isAscii(start, end) === 1
  if (end - start > SHORT) return isAsciiNatively(bytes.subarray(start, end))
  let seen = 0
  for (let i = start; i < end; i++) seen |= bytes[i]!
  return seen < 0x80
}

/** Decodes valid UTF-8. */
export function decodeUtf8 (bytes: Buffer): string {
  return decodesInTwo && bytes.length >= DECODED_IN_TWO_FROM
    ? transcode(bytes, 'utf8', 'utf16le').toString('utf16le')
    : bytes.toString('utf8')
}

/** Writes a text whose UTF-8 length the caller knows. */
export function writeUtf8 (target: Buffer, at: number, text: string, byteLength: number): void {
  // ASCII is the same in both, and Latin-1 is written unchecked. Node 20, 64 KiB of ASCII, µs, UTF-8/Latin-1: 17/1.7.
  target.write(text, at, byteLength, byteLength === text.length ? 'latin1' : 'utf8')
}

/** The UTF-8 of a text. */
export function encodeUtf8 (text: string): Buffer {
  if (encodesInTwo && text.length >= ENCODED_IN_TWO_FROM && isWide(text)) {
    try {
      return transcode(toUtf16(text), 'utf16le', 'utf8') as Buffer
    } catch {
      // A lone surrogate, which the single step replaces.
    }
  }
  const byteLength = Buffer.byteLength(text)
  const bytes = Buffer.allocUnsafe(byteLength)
  writeUtf8(bytes, 0, text, byteLength)
  return bytes
}

/** The UTF-16 of a text; valid until the next call. */
function toUtf16 (text: string): Buffer {
  const bytes = text.length * 2
  if (bytes > utf16.length) return Buffer.from(text, 'utf16le')
  utf16.write(text, 0, 'utf16le')
  return utf16.subarray(0, bytes)
}

/** Whether a sample of about 64 characters of a long text has any above Latin-1; it may miss a few. */
function isWide (text: string): boolean {
  const step = text.length >> 6
  for (let i = 0; i < text.length; i += step) if (text.charCodeAt(i) > 0xff) return true
  return false
}

/**
 * Checks UTF-8 that arrives in pieces, and refuses it at the first byte that no further byte could make valid
 * (RFC 3629 §4, RFC 6455 §8.1). Refuses overlong forms, surrogates and code points above U+10FFFF.
 *
 * Whole characters are checked natively; only one that is split between pieces is checked byte by byte.
 */
export class Utf8Validator {
  /** Continuation bytes still owed by the character in progress. */
  #owed = 0
  /** Range allowed for the next continuation byte. */
  #low = 0x80
  #high = 0xbf

  /** Takes the next piece; false: the text is invalid, whatever follows. */
  push (bytes: Uint8Array, start: number, end: number): boolean {
    let i = start
    while (this.#owed > 0 && i < end) {
      if (!this.#step(bytes[i++]!)) return false
    }
    const cut = lastCharacter(bytes, i, end)
    if (cut > i && !isUtf8(bytes.subarray(i, cut))) return false
    for (i = cut; i < end; i++) {
      if (!this.#step(bytes[i]!)) return false
    }
    return true
  }

  /** Ends the text and gets ready for the next; false: it ended inside a character. */
  end (): boolean {
    const complete = this.#owed === 0
    this.#owed = 0
    this.#low = 0x80
    this.#high = 0xbf
    return complete
  }

  #step (byte: number): boolean {
    if (this.#owed > 0) {
      if (byte < this.#low || byte > this.#high) return false
      this.#low = 0x80
      this.#high = 0xbf
      this.#owed--
      return true
    }
    // Never ASCII: `push` sees to that. C0 and C1 are always overlong; E0 and F0 are with a low second byte. ED must not
    // lead into the surrogates, nor F4 past U+10FFFF.
    if (byte >= 0xc2 && byte <= 0xdf) {
      this.#owed = 1
    } else if (byte >= 0xe0 && byte <= 0xef) {
      this.#owed = 2
      if (byte === 0xe0) this.#low = 0xa0
      if (byte === 0xed) this.#high = 0x9f
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      this.#owed = 3
      if (byte === 0xf0) this.#low = 0x90
      if (byte === 0xf4) this.#high = 0x8f
    } else {
      return false
    }
    return true
  }
}

/** Where the last character of the piece begins, if it takes several bytes; otherwise the end of the piece. */
function lastCharacter (bytes: Uint8Array, start: number, end: number): number {
  for (let i = end - 1; i >= start && i >= end - 4; i--) {
    if (bytes[i]! >= 0xc0) return i
    if (bytes[i]! < 0x80) break
  }
  return end
}
