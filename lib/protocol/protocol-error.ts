/**
 * The peer broke a rule of the protocol. Thrown where the rule is checked, and caught only in the reader. The connection
 * answers with a close frame that carries `closeCode` and this message, which names the section of the RFC. No other
 * error's message goes to a peer.
 */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly code = 'FST_ERR_WS_PROTOCOL'
  /** The close code that answers this violation (RFC 6455 §7.4.1). */
  readonly closeCode: number

  constructor (closeCode: number, message: string) {
    super(message)
    this.closeCode = closeCode
  }
}
