import { CloseCode } from '../contract/close-code.ts'
import type { CloseInfo } from '../contract/socket.ts'

/*
 * The closing handshake (RFC 6455 §7.1) as one machine: states in the order in which they come, and what each event does
 * in each of them.
 */

/** Frames go both ways. */
export const OPEN = 0
/** Our close frame is out, and messages are still handed on: the peer sent them before it could know. */
export const GOING_AWAY = 1
/** Our close frame is out, and nobody wants messages any more: frames are only read for the peer's close frame. */
export const CLOSE_SENT = 2
/** Both close frames have passed, or no more will. Nothing is read or written, and the transport is on its way down. */
export const ENDING = 3
/** The transport is gone. */
export const CLOSED = 4

export type ClosingState = typeof OPEN | typeof GOING_AWAY | typeof CLOSE_SENT | typeof ENDING | typeof CLOSED

/** Whether messages of the peer are handed on. */
export function mayDeliver (state: ClosingState): boolean {
  return state <= GOING_AWAY
}

/** Whether no close frame is awaited any more. */
export function isEnding (state: ClosingState): boolean {
  return state >= ENDING
}

/** What may happen to a connection that ends. */
export type ClosingEvent =
  /** The consumer closes. */
  | 'close'
  /** We close for a reason that is none of the consumer's. */
  | 'goAway'
  /** The peer's close frame has come. */
  | 'closed'
  /** The peer broke a rule, or we have failed: RFC 6455 §7.1.7. */
  | 'fail'
  /** The transport is to be ended without waiting for a close frame, or the peer has ended it. */
  | 'end'
  /** The transport is cut. */
  | 'cut'
  /** The transport is gone. */
  | 'gone'

export interface Transition {
  readonly to: ClosingState
  /** The frame that is sent: one of our own, or the answer to the peer's. */
  readonly sends?: 'close' | 'answer'
  /** Who ends the transport now. RFC 6455 §7.1.1: after both close frames the server does. */
  readonly ends?: 'we' | 'server'
}

/** Null: the event changes nothing. A second close frame of the peer's, say, comes in ENDING. */
export const TRANSITIONS: Record<ClosingEvent, ReadonlyArray<Transition | null>> = {
  //       OPEN                                             GOING_AWAY                      CLOSE_SENT                      ENDING                       CLOSED
  close:  [{ to: CLOSE_SENT, sends: 'close' },              { to: CLOSE_SENT },             null,                           null,                        null],
  goAway: [{ to: GOING_AWAY, sends: 'close' },              null,                           null,                           null,                        null],
  closed: [{ to: ENDING, sends: 'answer', ends: 'server' }, { to: ENDING, ends: 'server' }, { to: ENDING, ends: 'server' }, null,                        null],
  fail:   [{ to: ENDING, sends: 'close', ends: 'we' },      { to: ENDING, ends: 'we' },     { to: ENDING, ends: 'we' },     { to: ENDING, ends: 'we' },  null],
  end:    [{ to: ENDING, ends: 'we' },                      { to: ENDING, ends: 'we' },     { to: ENDING, ends: 'we' },     { to: ENDING, ends: 'we' },  null],
  cut:    [{ to: ENDING },                                  { to: ENDING },                 { to: ENDING },                 { to: ENDING },              null],
  gone:   [{ to: CLOSED },                                  { to: CLOSED },                 { to: CLOSED },                 { to: CLOSED },              null]
}

/** How a connection has ended that came to no closing handshake. */
export const CUT_BY_PEER: CloseInfo = Object.freeze({ code: CloseCode.ABNORMAL, reason: '', wasClean: false, initiator: 'remote' })

/** What a closing handshake has come to so far. */
export class Closing {
  /** Whether the peer is to get our close frame, whatever the consumer does meanwhile. */
  isOwed = false
  #code: number = CloseCode.ABNORMAL
  #reason = ''
  #initiator: CloseInfo['initiator'] = 'remote'
  #wasClean = false

  /** The first close frame is on its way. */
  sent (code: number, reason: string): void {
    this.#initiator = 'local'
    this.#code = code
    this.#reason = reason
  }

  /** The peer's close frame has come. @param isFirst whether none of ours went before it */
  received (code: number, reason: string, isFirst: boolean): void {
    this.#wasClean = true
    if (!isFirst) return
    this.#code = code
    this.#reason = reason
  }

  /** We cut the connection before any close frame. */
  cut (): void {
    this.#initiator = 'local'
  }

  /** Our close frame has not left in time. */
  unsent (): void {
    this.#wasClean = false
  }

  get info (): CloseInfo {
    return { code: this.#code, reason: this.#reason, wasClean: this.#wasClean, initiator: this.#initiator }
  }
}
