import { CloseCode } from '../contract/close-code.ts'
import type { CloseInfo, SocketState } from '../contract/socket.ts'
import { closePayload, truncateReason } from './close-payload.ts'
import type { Role } from './frame-decoder.ts'

/*
 * The closing handshake (RFC 6455 §7.1). The states stand in the order in which they come.
 */

/** No close frame has passed. */
export const OPEN = 0
/** Our close frame has been sent. What the peer had sent before it could know is still delivered. */
export const CLOSING_GENTLY = 1
/** Our close frame has been sent. Frames are only read to find the peer's. */
export const CLOSE_SENT = 2
/** Both close frames have passed. Nothing more is read or sent, and the transport is on its way down. */
export const CLEAN = 3
/** No more close frame will pass. The same as CLEAN otherwise. */
export const BROKEN = 4
/** The transport is gone. */
export const CLOSED = 5

const STATE = 7

/*
 * What is to be done, as bits.
 */

/** Send the close frame with the payload `ClosingHandshake.payload`. */
export const SEND = 8
/** End our side of the transport behind what has been sent. */
export const END = 16
/** The same for the server only: it is the first to end the transport (RFC 6455 §7.1.1). */
const SERVER_ENDS = 32
/** Cut the transport. */
export const CUT = 64
/** Cut the transport when everything has been written and our side has ended. */
export const CUT_WHEN_WRITTEN = 128

/** What began the end; `fault`: we did, for a fault that the peer has to be told of. */
type Cause = 'local' | 'remote' | 'fault'

interface Row {
  /** What has begun the end if this is the first event. */
  cause: Cause
  /** For each state the next one, and what is to be done. */
  steps: readonly number[]
}

/** `steps` by state: OPEN, CLOSING_GENTLY, CLOSE_SENT, CLEAN, BROKEN. */
const EVENTS = {
  /** The consumer closes. */
  close: {
    cause: 'local',
    steps: [CLOSE_SENT | SEND, CLOSE_SENT, CLOSE_SENT, CLEAN, BROKEN]
  },
  /** We close for a reason that the consumer does not know yet. */
  closeGently: {
    cause: 'local',
    steps: [CLOSING_GENTLY | SEND, CLOSING_GENTLY, CLOSE_SENT, CLEAN, BROKEN]
  },
  /** The peer has to be told why: see `owesFrame`. */
  insist: {
    cause: 'fault',
    steps: [OPEN, CLOSING_GENTLY, CLOSE_SENT, CLEAN, BROKEN]
  },
  /** The peer has broken a rule, or we cannot go on (RFC 6455 §7.1.7). */
  fail: {
    cause: 'fault',
    steps: [BROKEN | SEND | END, BROKEN | END, BROKEN | END, CLEAN | END, BROKEN | END]
  },
  /** The peer's close frame: answered unless ours has been sent (RFC 6455 §5.5.1). After it no frame is read. */
  closeFrame: {
    cause: 'remote',
    steps: [CLEAN | SEND | SERVER_ENDS, CLEAN | SERVER_ENDS, CLEAN | SERVER_ENDS, CLEAN, BROKEN]
  },
  /** The peer has ended its side of the transport. Only the closing handshake may lead there (RFC 6455 §7.1.1). */
  peerEnded: {
    cause: 'remote',
    steps: [BROKEN | END, BROKEN | END, BROKEN | END, CLEAN | END, BROKEN | END]
  },
  /** We cut the connection. */
  cut: {
    cause: 'local',
    steps: [BROKEN | CUT, BROKEN | CUT, BROKEN | CUT, CLEAN | CUT, BROKEN | CUT]
  },
  /** The same while the peer is owed our close frame. */
  cutWhenTold: {
    cause: 'local',
    steps: [
      BROKEN | CUT, BROKEN | END | CUT_WHEN_WRITTEN, BROKEN | END | CUT_WHEN_WRITTEN, CLEAN | CUT_WHEN_WRITTEN,
      BROKEN | CUT_WHEN_WRITTEN
    ]
  },
  /** The handshake has taken too long. In CLOSING_GENTLY a slow consumer still gets what has been read. */
  timeout: {
    cause: 'local',
    steps: [BROKEN | CUT, CLOSING_GENTLY | CUT, BROKEN | CUT, CLEAN | CUT, BROKEN | CUT]
  },
  /** The same, and our close frame has not left. */
  timeoutUnsent: {
    cause: 'local',
    steps: [BROKEN | CUT, CLOSING_GENTLY | CUT, BROKEN | CUT, BROKEN | CUT, BROKEN | CUT]
  }
} satisfies Record<string, Row>

export type ClosingEvent = keyof typeof EVENTS

/**
 * How one connection ends: told what happens, it says what is to be done, and in the end what has become of the
 * connection. It knows no transport and no time.
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

  /** The same for those who do not need to know so exactly. */
  get socketState (): SocketState {
    return this.#state === OPEN ? 'open' : this.#state === CLOSED ? 'closed' : 'closing'
  }

  /** Whether messages, pings and pongs may be sent: none may behind a close frame (RFC 6455 §5.5.1). */
  get maySend (): boolean {
    return this.#state === OPEN
  }

  /** Whether what the peer sends is for the consumer. */
  get mayDeliver (): boolean {
    return this.#state <= CLOSING_GENTLY
  }

  /** Whether both close frames have passed, or no more will. */
  get isEnding (): boolean {
    return this.#state >= CLEAN
  }

  /** Whether the peer is to get our close frame, even if the consumer cuts the connection. */
  get owesFrame (): boolean {
    return this.#cause === 'fault'
  }

  /** The payload of our close frame: our code and reason, or in answer to the peer its code (RFC 6455 §5.5.1). */
  get payload (): Buffer {
    return closePayload(this.#code, this.#cause === 'remote' ? '' : this.#reason)
  }

  /**
   * Something has happened. The code and the reason count if it is what begins the end; a reason that is too long is cut.
   *
   * @returns what is to be done: bits, in their order
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

  /** The transport is gone. To be called once. */
  gone (): CloseInfo {
    const wasClean = this.#state === CLEAN
    this.#state = CLOSED
    return { code: this.#code, reason: this.#reason, wasClean, initiator: this.#cause === 'remote' ? 'remote' : 'local' }
  }
}
