import { isUtf8 } from 'node:buffer'

/**
 * Checks UTF-8 that arrives in pieces and refuses at the first byte that no further byte could make valid
 * (RFC 3629 §4, RFC 6455 §8.1): overlong forms, surrogates and code points above U+10FFFF included.
 *
 * Whole characters are checked natively; only the one that a piece boundary cuts goes byte by byte.
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

  /** Ends the text and makes ready for the next; false: it ended inside a character. */
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
    // Never ASCII: `push` sees to that. C0 and C1 could only be overlong; E0 and F0 need a second byte that is not;
    // ED must not lead into the surrogates, F4 not past U+10FFFF.
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

/** Where the last character of the piece begins, if it is one of several bytes; otherwise the piece's end. */
function lastCharacter (bytes: Uint8Array, start: number, end: number): number {
  for (let i = end - 1; i >= start && i >= end - 4; i--) {
    if (bytes[i]! >= 0xc0) return i
    if (bytes[i]! < 0x80) break
  }
  return end
}
