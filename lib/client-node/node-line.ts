import type { Duplex } from 'node:stream'
import { endingOf } from '../client/ending.ts'
import type { Data, Line, LineOwner } from '../client/line.ts'
import type { Ending } from '../client/types.ts'
import type { CloseInfo } from '../contract/socket.ts'
import { Connection } from '../connection/connection.ts'
import type { ConnectionOptions, ConnectionOwner } from '../connection/owner.ts'
import { LONGEST_DELAY } from '../connection/timer-wheel.ts'
import { DEFLATE_DEFAULTS } from '../deflate/negotiate.ts'
import { EMPTY } from '../protocol/empty.ts'
import { toBytes } from '../socket/bytes.ts'
import type { Agreed, Opening, OpeningOwner } from './opening.ts'
import type { NodeLineSettings } from './options.ts'

/** Above it, pongs wait; it bounds nothing else. */
const HIGH_WATER_MARK = 64 * 1024

/** Milliseconds that a server may take to end a connection that it closes. */
const CLOSE_TIMEOUT = 5000

/** Milliseconds between two looks at whether bytes come or go, while a pong is awaited. */
const LOOK = 200
/** Bytes in a millisecond: how slowly a large message may go. We only learn when all of it has gone. */
const SLOWEST = 64

/** A line over the protocol's own client role. */
export class NodeLine implements Line, OpeningOwner, ConnectionOwner {
  /** Null: the line has ended or was dropped, and nothing more is told. */
  #owner: LineOwner | null
  readonly #options: ConnectionOptions
  /** Null: the handshake is over. */
  #opening: Opening | null
  /** Null: there is none yet. */
  #connection: Connection | null = null
  #agreed: Agreed = { protocol: '', compression: null }
  #error: Error | null = null
  /** Runs while a pong is awaited. */
  #looking: NodeJS.Timeout | undefined
  /** Much waits to be written, when this many bytes had gone, and should have gone by then. Null: little waits. */
  #stuck: { gone: number, until: number } | null = null

  // What a line does not tell, or cannot happen to it.
  readonly onPing = ignore
  readonly onDrain = ignore
  readonly onOverflow = ignore
  readonly onOverRate = ignore

  /** @param open begins the handshake, or throws what is wrong with the target */
  constructor (owner: LineOwner, { maxPayload, deflate }: NodeLineSettings, open: (owner: OpeningOwner) => Opening) {
    this.#owner = owner
    this.#options = {
      maxPayload,
      highWaterMark: HIGH_WATER_MARK,
      // As with the WebSocket of browsers, whoever sends looks at `bufferedAmount`.
      maxBuffered: Number.MAX_SAFE_INTEGER,
      closeTimeout: CLOSE_TIMEOUT,
      rate: null,
      clock: { now: 0 },
      deflate: deflate ?? DEFLATE_DEFAULTS
    }
    this.#opening = open(this)
  }

  get protocol (): string {
    return this.#agreed.protocol
  }

  get bufferedAmount (): number {
    return this.#connection?.bufferedAmount ?? 0
  }

  send (data: Data): boolean {
    if (!this.#connection?.isOpen) return false
    if (typeof data === 'string') this.#connection.sendText(data)
    // Bytes whose memory was transferred are none any more.
    else this.#connection.sendBinary(toBytes(data, this.#agreed.compression !== null) ?? EMPTY)
    return true
  }

  close (code: number, reason: string): void {
    // How long our own closing may take is for our owner to say: it drops the line.
    if (this.#connection?.isOpen) this.#options.closeTimeout = LONGEST_DELAY
    this.#connection?.close(code, reason)
  }

  drop (): void {
    this.#owner = null
    this.#opening?.abort()
    this.#opening = null
    clearInterval(this.#looking)
    this.#connection?.cut()
  }

  ping (): void {
    const connection = this.#connection!
    connection.sendPing(EMPTY)
    const { bytesIn } = connection
    clearInterval(this.#looking)
    // The pong may stand behind a large message, and the ping too: as long as that gets on, there is a server.
    this.#looking = setInterval(() => {
      if (connection.bytesIn > bytesIn || this.#isGoing(connection)) this.onPong()
    }, LOOK)
  }

  /** Whether the ping waits behind what may still go. What the operating system takes at once says nothing of the server. */
  #isGoing ({ bufferedAmount, bytesOut }: Connection): boolean {
    if (bufferedAmount <= HIGH_WATER_MARK) {
      this.#stuck = null
      return false
    }
    const now = performance.now()
    const gone = bytesOut - bufferedAmount
    if (this.#stuck === null || gone > this.#stuck.gone) this.#stuck = { gone, until: now + bufferedAmount / SLOWEST }
    return now < this.#stuck.until
  }

  pause (): void {
    this.#connection?.pause()
  }

  resume (): void {
    this.#connection?.resume()
  }

  onAccepted (transport: Duplex, head: Buffer, agreed: Agreed): void {
    this.#opening = null
    this.#agreed = agreed
    this.#connection = new Connection('client', transport, this, this.#options, agreed.compression)
    this.#owner!.onOpen()
    this.#connection.start(head)
  }

  onUnopened (ending: Ending): void {
    this.#opening = null
    this.#end(ending)
  }

  onText (text: string): void {
    this.#owner?.onMessage(text)
  }

  onBinary (data: Buffer): void {
    this.#owner?.onMessage(data)
  }

  onPong (): void {
    clearInterval(this.#looking)
    this.#owner?.onPong()
  }

  onError (error: Error): void {
    this.#error ??= error
  }

  onClose (info: CloseInfo): void {
    this.#end(endingOf({ ...info, error: info.wasClean ? null : this.#error }))
  }

  #end (ending: Ending): void {
    const owner = this.#owner
    this.#owner = null
    clearInterval(this.#looking)
    owner?.onEnd(ending)
  }
}

function ignore (): void {}
