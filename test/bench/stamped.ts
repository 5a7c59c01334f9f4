/** What is published with the time at which that was, so that whoever gets it knows how long it took. */
export interface Stamped {
  /** @see now */
  sent: number
  text: string
}

/** Makes all times of one length: sixteen digits, and still an integer that is exact. */
const SIXTEEN_DIGITS = 1e15
export const DIGITS = 16

/** Microseconds of a clock that all processes of a machine share. */
export function now (): number {
  const [seconds, nanoseconds] = process.hrtime()
  return SIXTEEN_DIGITS + seconds * 1e6 + Math.floor(nanoseconds / 1e3)
}

export function stamped (size: number): Stamped {
  return { sent: now(), text: 'n'.repeat(size) }
}

/** With a position, which only topics with a history have. */
export const stampedSchema = {
  type: 'object',
  required: ['sent', 'text'],
  properties: {
    sent: { type: 'integer' },
    text: { type: 'string' },
    at: { type: 'string' }
  }
}
