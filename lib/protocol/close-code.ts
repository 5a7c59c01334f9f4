/** Close codes (RFC 6455 §7.4.1 and the IANA registry it founded). */
export const CloseCode = {
  /** The purpose of the connection has been fulfilled. */
  NORMAL: 1000,
  /** The endpoint goes away: a server shuts down, a browser leaves the page. */
  GOING_AWAY: 1001,
  /** The peer broke RFC 6455. */
  PROTOCOL_ERROR: 1002,
  /** A kind of data that the endpoint does not take, such as binary on a JSON route. */
  UNSUPPORTED_DATA: 1003,
  /** Never on the wire: the close frame carried no code. */
  NO_STATUS: 1005,
  /** Never on the wire: the connection ended without a close frame. */
  ABNORMAL: 1006,
  /** Data that does not fit its type: text that is not UTF-8, a message that is not JSON. */
  INVALID_PAYLOAD: 1007,
  /** A message that breaks a rule of the application: it fails the schema. */
  POLICY_VIOLATION: 1008,
  /** A message larger than `maxPayload`. */
  TOO_BIG: 1009,
  /** The server failed on something unforeseen: the handler threw. */
  INTERNAL_ERROR: 1011,
  /** The peer reads too slowly or sends too much, or the server is overloaded: it may come back later. */
  TRY_AGAIN_LATER: 1013
} as const

/**
 * Whether a code may stand in a close frame. 1004 is reserved; 1005, 1006 and 1015 are for local reporting only;
 * 3000-3999 are for libraries and frameworks, 4000-4999 for applications (RFC 6455 §7.4).
 */
export function isCloseCode (code: number): boolean {
  if (!Number.isInteger(code)) return false
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999)
}

/** Payload of a control frame, at most (RFC 6455 §5.5). */
export const MAX_CONTROL_PAYLOAD = 125

/** A close reason shares the control frame with its two-byte code. */
export const MAX_CLOSE_REASON = MAX_CONTROL_PAYLOAD - 2

/** Cuts a close reason to 123 bytes of UTF-8, never through a character. */
export function truncateReason (reason: string): string {
  // A character takes a byte at least: of a long text no more need be looked at than is known not to fit.
  const start = reason.slice(0, MAX_CLOSE_REASON + 1)
  if (Buffer.byteLength(start) <= MAX_CLOSE_REASON) return start
  const bytes = Buffer.from(start)
  let end = MAX_CLOSE_REASON
  // A byte 10xxxxxx continues a character: step back to where one begins.
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}
