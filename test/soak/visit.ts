import type { Runs } from './runs.ts'

/** The routes of the server. */
export type Route = 'plain' | 'deflate' | 'takeover' | 'schemas' | 'idle' | 'slow' | 'held' | 'refused'

/**
 * How a connection ends.
 *
 * - `close`: by the client, properly, with all echoes there
 * - `close-early`: by the client, properly, with echoes on their way
 * - `told`: by the server, because the client's last message asks for it
 * - `fin`, `reset`: the client's TCP connection, without a close frame
 * - `silent`: with no word at all
 * - `abandon`: the client leaves before the handshake is answered
 * - `refused`: the handshake is answered with 401
 * - `shutdown`: by `app.close()`, with a client that listens
 * - `deaf`: by `app.close()`, with a client that does not read
 */
export type End =
  'close' | 'close-early' | 'told' | 'fin' | 'reset' | 'silent' | 'abandon' | 'refused' | 'shutdown' | 'deaf'

/** What one client does. */
export interface Visit {
  id: number
  client: 'raw' | 'ws'
  route: Route
  end: End
  /** When it connects, in milliseconds from the beginning of the round. */
  opensAt: number
  /** Whether it stays until all clients are told to end. */
  stays: boolean
  /** How many messages it sends, at most. */
  messages: number
  /** How many messages it sends before it waits for their echoes, at most. */
  atOnce: number
  /** Longest pause, in milliseconds, between an echo and the next message. */
  pause: number
}

/** What one client has seen. */
export interface Report {
  id: number
  opened: boolean
  sent: number
  /** The numbers of the messages that came back. */
  echoed: Runs
  /** How many came back as something else than what was sent. */
  garbled: number
  /** Of the server's close frame; 1006 if there was none. */
  closeCode: number
  /** Of the response, where the handshake was refused. */
  status: number | null
  ended: boolean
  /** Why it could not connect. */
  error: string | null
}

/** The last message of a client that wants the server to close. */
export const BYE = 'bye'
