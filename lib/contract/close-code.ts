/** Close codes (RFC 6455 §7.4.1 and the IANA registry that it established). */
export const CloseCode = {
  /** The purpose of the connection has been fulfilled. */
  NORMAL: 1000,
  /** The endpoint is going away: a server shuts down, a browser leaves the page. */
  GOING_AWAY: 1001,
  /** The peer broke RFC 6455. */
  PROTOCOL_ERROR: 1002,
  /** A kind of data that the endpoint does not accept, such as binary on a JSON route. */
  UNSUPPORTED_DATA: 1003,
  /** Never on the wire: the close frame carried no code. */
  NO_STATUS: 1005,
  /** Never on the wire: the connection ended without a close frame. */
  ABNORMAL: 1006,
  /** Data that does not fit its type: text that is not UTF-8, a message that is not JSON. */
  INVALID_PAYLOAD: 1007,
  /** A message that breaks a rule of the application, such as its schema. */
  POLICY_VIOLATION: 1008,
  /** A message larger than `maxPayload`. */
  TOO_BIG: 1009,
  /** The server met an unexpected failure: the handler threw. */
  INTERNAL_ERROR: 1011,
  /** The peer reads too slowly or sends too much, or the server is overloaded: it may come back later. */
  TRY_AGAIN_LATER: 1013
} as const

/**
 * Whether a code may appear in a close frame. 1004 is reserved; 1005, 1006 and 1015 are for local reporting only;
 * 3000-3999 are for libraries and frameworks, 4000-4999 for applications (RFC 6455 §7.4).
 */
export function isCloseCode (code: number): boolean {
  if (!Number.isInteger(code)) return false
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999)
}
