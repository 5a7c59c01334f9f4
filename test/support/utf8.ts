const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function isValid (bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes)
    return true
  } catch {
    return false
  }
}

/**
 * One ending for every way in which a character can be cut: nothing missing, then one, two and three bytes; E0 must be
 * followed by A0 or more, F0 by 90 or more, and what ED and F4 must be followed by begins at 80.
 */
const ENDINGS = ['', '80', '8080', '808080', 'a080', '908080'].map(digits => Buffer.from(digits, 'hex'))

/** Whether something can still follow that makes these bytes a valid text. */
export function isViable (bytes: Uint8Array): boolean {
  return ENDINGS.some(ending => isValid(Buffer.concat([bytes, ending])))
}

/** Index of the first byte that nothing can make valid; -1: there is none. */
export function firstInvalid (bytes: Uint8Array): number {
  if (isViable(bytes)) return -1
  // What is viable stays so in every beginning of it.
  let [good, bad] = [0, bytes.length]
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (isViable(bytes.subarray(0, middle))) good = middle
    else bad = middle
  }
  return good
}
