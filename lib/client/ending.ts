import type { Ending } from './types.ts'

/** How a connection ended; by default as one that ended here, without a close frame, or never was one. */
export function endingOf (what: Partial<Ending>): Ending {
  return { code: 1006, reason: '', wasClean: false, initiator: 'local', status: 0, body: '', retryAfter: 0, error: null, ...what }
}
