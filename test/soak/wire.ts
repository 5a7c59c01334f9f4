/** A WebSocket connection as seen by a client, whatever it is made with. */
export interface Wire {
  readonly isOpen: boolean
  send (message: string | Buffer): void
  /** Begins the closing handshake with 1000. */
  close (): void
  /** Ends the TCP connection with no close frame. */
  fin (): void
  /** Resets the TCP connection. */
  reset (): void
  /** Does not read any more. */
  deafen (): void
  /** Reads again. */
  listen (): void
}

export interface WireOwner {
  onOpen (): void
  onMessage (message: string | Buffer): void
  onRefused (status: number): void
  /** The connection is gone: with the code of the server's close frame, or 1006. Called once, last. */
  onEnd (code: number, error: Error | null): void
}

export interface Target {
  host: string
  port: number
}
