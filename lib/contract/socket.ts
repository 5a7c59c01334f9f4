/** `'closing'` from the first close frame, whoever sent it; `'closed'` when the transport is gone. */
export type SocketState = 'open' | 'closing' | 'closed'

/** How a connection ended. */
export interface CloseInfo {
  /**
   * The code of the first close frame, whoever sent it. 1005: that frame carried no code; 1006: the connection ended
   * without one.
   */
  readonly code: number
  /** The reason of that frame, or an empty string. */
  readonly reason: string
  /** Whether both sides sent a close frame. */
  readonly wasClean: boolean
  /** Who sent the first close frame or cut the connection. */
  readonly initiator: 'local' | 'remote'
}
