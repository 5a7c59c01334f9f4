import { CloseCode } from '../contract/close-code.ts'
import type { CloseInfo, SocketState } from '../contract/socket.ts'
import { closePayload, truncateReason } from './close-payload.ts'
import type { Role } from './frame-decoder.ts'

/*
 * The closing handshake (RFC 6455 §7.1): its states, in order.
 */

/** No close frame has been sent or received. */
export const OPEN = 0
/** Our close frame has been sent. What the peer sent before it knew is still delivered. */
export const CLOSING_GENTLY = 1
/** Our close frame has not left in time, and we have cut the transport. What has been read is still delivered. */
export const CUT_GENTLY = 2
/** Our close frame has been sent. Frames are only read to find the peer's. */
export const CLOSE_SENT = 3
/** Both close frames have been exchanged. Nothing more is read or sent, and the transport is ending. */
export const CLEAN = 4
/** No more close frames will be exchanged. Otherwise the same as CLEAN. */
export const BROKEN = 5
/** The transport is gone. */
export const CLOSED = 6

const STATE = 7

/*
 * What to do, as bits.
 */

/** Send the close frame with the payload `ClosingHandshake.payload`. */
export const SEND = 8
/** End our side of the transport after what has been sent. */
export const END = 16
/** The same, but only for a server: it is the first to end the transport (RFC 6455 §7.1.1). */
const SERVER_ENDS = 32
/** Cut the transport. */
export const CUT = 64
/** Cut the transport once everything has been written and our side has ended. */
export const CUT_WHEN_WRITTEN = 128

/** Who began to close. `fault`: we did, for a fault that the peer must be told of. */
type Cause = 'local' | 'remote' | 'fault'

interface Row {
  /** Who began to close, if this event is the first. */
  cause: Cause
  /** For each state, the next one and what to do. */
  steps: readonly number[]
}

/** `steps` by state: OPEN, CLOSING_GENTLY, CUT_GENTLY, CLOSE_SENT, CLEAN, BROKEN. */
const EVENTS = {
  /** The consumer closes. */
  close: {
    cause: 'local',
    steps: [CLOSE_SENT | SEND, CLOSE_SENT, BROKEN, CLOSE_SENT, CLEAN, BROKEN]
  },
  /** We close for a reason that the consumer does not know yet. */
  closeGently: {
    cause: 'local',
    steps: [CLOSING_GENTLY | SEND, CLOSING_GENTLY, CUT_GENTLY, CLOSE_SENT, CLEAN, BROKEN]
  },
  /** The peer must be told why: see `owesFrame`. */
  insist: {
    cause: 'fault',
    steps: [OPEN, CLOSING_GENTLY, CUT_GENTLY, CLOSE_SENT, CLEAN, BROKEN]
  },
  /** The peer has broken a rule, or we cannot go on (RFC 6455 §7.1.7). */
  fail: {
    cause: 'fault',
    steps: [BROKEN | SEND | END, BROKEN | END, BROKEN, BROKEN | END, CLEAN | END, BROKEN | END]
  },
  /** The peer's close frame, answered unless ours has been sent (RFC 6455 §5.5.1). No frame is read after it. */
  closeFrame: {
    cause: 'remote',
    steps: [CLEAN | SEND | SERVER_ENDS, CLEAN | SERVER_ENDS, BROKEN, CLEAN | SERVER_ENDS, CLEAN, BROKEN]
  },
  /** The peer has ended its side of the transport, which it may do only after the closing handshake (RFC 6455 §7.1.1). */
  peerEnded: {
    cause: 'remote',
    steps: [BROKEN | END, BROKEN | END, BROKEN, BROKEN | END, CLEAN | END, BROKEN | END]
  },
  /** We cut the connection. */
  cut: {
    cause: 'local',
    steps: [BROKEN | CUT, BROKEN | CUT, BROKEN, BROKEN | CUT, CLEAN | CUT, BROKEN | CUT]
  },
  /** The same, while the peer is owed our close frame. */
  cutWhenTold: {
    cause: 'local',
    steps: [
      BROKEN | CUT, BROKEN | END | CUT_WHEN_WRITTEN, BROKEN, BROKEN | END | CUT_WHEN_WRITTEN,
      CLEAN | CUT_WHEN_WRITTEN, BROKEN | CUT_WHEN_WRITTEN
    ]
  },
  /** Closing has taken too long. In CLOSING_GENTLY a slow consumer still gets what has been read. */
  timeout: {
    cause: 'local',
    steps: [BROKEN | CUT, CLOSING_GENTLY | CUT, CUT_GENTLY, BROKEN | CUT, CLEAN | CUT, BROKEN | CUT]
  },
  /** The same, and our close frame has not left. */
  timeoutUnsent: {
    cause: 'local',
    steps: [BROKEN | CUT, CUT_GENTLY | CUT, CUT_GENTLY, BROKEN | CUT, BROKEN | CUT, BROKEN | CUT]
  }
} satisfies Record<string, Row>

export type ClosingEvent = keyof typeof EVENTS

/**
 * How one connection ends. Told what happens, it says what to do, and finally how the connection ended. It knows nothing
 * of transports or time.
 */
export class ClosingHandshake {
  readonly #role: Role
  #state = OPEN
  /** Of the first close frame, whoever sent it. */
  #code: number = CloseCode.ABNORMAL
  #reason = ''
  #cause: Cause = 'remote'

  constructor (role: Role) {
    this.#role = role
  }

  /** One of the constants above. */
  get state (): number {
    return this.#state
  }

  /** The same, as users see it. */
  get socketState (): SocketState {
    return this.#state === OPEN ? 'open' : this.#state === CLOSED ? 'closed' : 'closing'
  }

  /** Whether messages, pings and pongs may be sent: none may follow a close frame (RFC 6455 §5.5.1). */
  get maySend (): boolean {
    return this.#state === OPEN
  }

  /** Whether the consumer gets what the peer sends. */
  get mayDeliver (): boolean {
    return this.#state <= CUT_GENTLY
  }

  /** Whether both close frames have been exchanged, or no more will be. */
  get isEnding (): boolean {
    return this.#state >= CLEAN
  }

  /** Whether the peer must get our close frame, even if the consumer cuts the connection. */
  get owesFrame (): boolean {
    return this.#cause === 'fault'
  }

  /** The payload of our close frame: our code and reason, or, in answer to the peer, its code (RFC 6455 §5.5.1). */
  get payload (): Buffer {
    return closePayload(this.#code, this.#cause === 'remote' ? '' : this.#reason)
  }

  /**
   * Something has happened. The code and the reason count only if this begins to close; a reason that is too long is cut.
   *
   * @returns what to do: bits, lowest first
   */
  on (event: ClosingEvent, code: number = CloseCode.ABNORMAL, reason = ''): number {
    if (this.#state === CLOSED) return 0
    const { cause, steps }: Row = EVENTS[event]
    const step = steps[this.#state]!
    const next = step & STATE
    if (this.#state === OPEN && next !== OPEN) {
      this.#code = code
      this.#reason = truncateReason(reason)
      this.#cause = cause
    } else if (cause === 'fault' && this.#cause === 'local') {
      this.#cause = cause
    }
    this.#state = next
    if ((step & SERVER_ENDS) === 0) return step & ~STATE
    return (step & SEND) | (this.#role === 'server' ? END : 0)
  }

  /** The transport is gone. Call this once. */
  gone (): CloseInfo {
    const wasClean = this.#state === CLEAN
    this.#state = CLOSED
    return { code: this.#code, reason: this.#reason, wasClean, initiator: this.#cause === 'remote' ? 'remote' : 'local' }
  }
}
