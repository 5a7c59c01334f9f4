import type { Ending } from './types.ts'

/** What a line sends. */
export type Data = string | Uint8Array

/** Where a line goes to. */
export interface Target {
  /** Begins with `ws:` or `wss:`. */
  readonly url: string
  /** Subprotocols to offer, the preferred one first. */
  readonly protocols: readonly string[]
  /** Request headers, where a platform can send them. */
  readonly headers: Readonly<Record<string, string>>
}

/** One WebSocket, from the attempt to open it to its end. It does not come back. */
export interface Line {
  /** The agreed subprotocol, or an empty string. */
  readonly protocol: string
  /** Bytes that wait to be written. */
  readonly bufferedAmount: number
  /**
   * Sends a message; called between `onOpen` and `close` only.
   *
   * @returns false: it was not taken, because the connection is ending
   */
  send (data: Data): boolean
  /** Begins the closing handshake; `onEnd` says how it went. */
  close (code: number, reason: string): void
  /** Gives the line up, whatever its state: the connection is cut, and there are no more events. */
  drop (): void
  /** Sends a ping, whose pong is reported by `onPong`. Absent: the platform has no pings. */
  ping? (): void
  /** Stops and resumes reading. Absent: the platform cannot. Messages that are already on their way may still come. */
  pause? (): void
  resume? (): void
}

/** Whom a line tells what happens, by plain functions. Never called from within a call of `dial` or of the line's own methods. */
export interface LineOwner {
  onOpen (): void
  /** Also right after `onOpen`, for what came with the handshake's answer. */
  onMessage (data: string | Uint8Array): void
  onPong (): void
  /** The last event, exactly once: the connection has ended, or could not be made. */
  onEnd (ending: Ending): void
}

/**
 * Opens a line. What goes wrong later is reported by `onEnd`.
 *
 * @param signal aborted when the attempt is given up, in the same turn as the line is dropped
 * @throws {FST_ERR_WS_CLIENT_TARGET} there can be no such line
 * @throws {FST_ERR_WS_CLIENT_HEADER} likewise
 */
export type Dial = (target: Target, owner: LineOwner, signal: AbortSignal) => Line
