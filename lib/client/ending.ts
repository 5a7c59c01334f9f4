import type { Ending } from './types.ts'

/** The longest reason of a close frame, in bytes (RFC 6455 §5.5). */
export const MAX_REASON = 123
/** How much of the body of a refusal is kept, in bytes or, where these cannot be counted, characters. */
export const MAX_BODY = 65_536

/** Milliseconds that this body may take: the refusal itself is known by then, and is news that should not wait. */
export const PATIENCE = 3000

/** How a connection ended; by default as one that ended here, without a close frame, or never was one. */
export function endingOf (what: Partial<Ending>): Ending {
  return { code: 1006, reason: '', wasClean: false, initiator: 'local', status: 0, body: '', retryAfter: 0, error: null, ...what }
}
