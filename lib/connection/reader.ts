import type { Duplex } from 'node:stream'
import { Inflater, type InflaterHost } from '../deflate/inflater.ts'
import type { Direction } from '../deflate/negotiate.ts'
import { FrameDecoder, type Role } from '../protocol/frame-decoder.ts'
import { MessageAssembler } from '../protocol/message-assembler.ts'
import { Meter, type MeterOwner, type RateLimit } from './meter.ts'

/** What a reader hands on, in the order in which it came. */
export interface ReaderOwner extends MeterOwner {
  /** What is handed on up to `onReadEnd` came together. */
  onReadStart (): void
  onReadEnd (): void
  /** The peer broke a rule. */
  onViolation (error: Error): void
  /** The peer has ended its side. */
  onPeerEnded (): void
  /** The transport is gone. */
  onTransportGone (): void
}

const FLOWING = 0
const PEER_ENDED = 1
const GONE = 2

/**
 * From a Duplex to messages. While it is paused, while it is held by a rate limit, and while a large message is being
 * inflated, it does not read; what it has read already waits, and so does the news that the transport has ended.
 */
export class Reader implements InflaterHost {
  readonly #duplex: Duplex
  readonly #owner: ReaderOwner
  readonly #assembler: MessageAssembler
  readonly #decoder: FrameDecoder
  readonly #inflater: Inflater | null
  readonly #meter: Meter | null

  #paused = false
  /** Runs while a rate limit holds the reader. */
  #holdTimer: NodeJS.Timeout | null = null
  /** The opcode of the message that is being inflated, or 0. */
  #inflating = 0
  #transport: typeof FLOWING | typeof PEER_ENDED | typeof GONE = FLOWING

  /**
   * @param maxPayload bytes in a message, at most
   * @param compression of what the peer sends, or null
   * @param rate how much it may send in a second, or null
   */
  constructor (
    role: Role, duplex: Duplex, owner: ReaderOwner, maxPayload: number, compression: Direction | null,
    rate: RateLimit | null
  ) {
    this.#duplex = duplex
    this.#owner = owner
    this.#meter = rate === null ? null : new Meter(owner, rate, this)
    this.#assembler = new MessageAssembler(this.#meter ?? owner, maxPayload)
    this.#decoder = new FrameDecoder(role, this.#assembler, compression !== null)
    this.#inflater = compression === null ? null : new Inflater(compression, maxPayload, this)
  }

  /** Whether it does not read at the moment. */
  get isPaused (): boolean {
    return this.#paused || this.#inflating !== 0 || this.#holdTimer !== null
  }

  /** Begins to read. */
  start (): void {
    if (this.isPaused) this.#duplex.pause()
    else this.#duplex.resume()
  }

  /** Takes what has been read: the bytes up to `length`, which are lent for the call. */
  read (bytes: Buffer, length: number): void {
    this.#meter?.count(length)
    this.#hand(bytes, length, null)
    this.#meter?.settle()
  }

  pause (): void {
    if (!this.#paused) this.#meter?.pause()
    this.#paused = true
    this.#stopReading()
  }

  resume (): void {
    if (!this.#paused) return
    this.#paused = false
    this.#meter?.resume()
    if (this.#holdTimer === null) this.#proceed(null)
  }

  /** Does not read for so many milliseconds from now. */
  hold (delay: number): void {
    if (this.#transport === GONE) {
      this.#decoder.stop()
      return
    }
    this.#letGo()
    this.#holdTimer = setTimeout(() => {
      this.#holdTimer = null
      if (!this.#paused) this.#proceed(null)
    }, delay)
    this.#stopReading()
  }

  /** Reads on to the peer's close frame, whatever holds it up or limits it. */
  finish (): void {
    this.#meter?.stop()
    const isHeld = this.#paused || this.#holdTimer !== null
    this.#paused = false
    this.#letGo()
    if (isHeld) this.#proceed(null)
  }

  /** Hands nothing on any more. What still comes is read and ignored, so that the end of the transport is seen. */
  stop (): void {
    this.#meter?.stop()
    this.#paused = false
    this.#letGo()
    this.#inflating = 0
    this.#decoder.stop()
    this.#inflater?.close()
    this.#duplex.resume()
    // After what the owner does now, such as to close.
    if (this.#transport !== FLOWING) process.nextTick(() => this.#tellEnd())
  }

  /** Inflates a message, and hands it on before anything that follows it. */
  inflate (opcode: number, data: Buffer): void {
    if (this.#transport === GONE && this.#paused) {
      // What `gone` still hands on is no more than a chunk, unless it could swell without end.
      this.#decoder.stop()
      return
    }
    const message = this.#inflater!.inflate(data)
    if (message !== null) {
      this.#assembler.complete(opcode, message)
      return
    }
    this.#inflating = opcode
    this.#stopReading()
  }

  onInflated (message: Buffer): void {
    this.#proceed(message)
  }

  onInflateFailed (error: Error): void {
    this.#inflating = 0
    this.#owner.onViolation(error)
    this.#tellEnd()
  }

  peerEnded (): void {
    this.#transport = PEER_ENDED
    this.#tellEnd()
  }

  /**
   * What has been read is not lost with the transport, but for compressed messages that nobody has room for, and for what
   * a rate limit holds back: a client must not get round it by leaving.
   */
  gone (): void {
    this.#transport = GONE
    if (this.#holdTimer !== null) this.#decoder.stop()
    if (this.#decoder.pending) this.#proceed(null)
    else this.#tellEnd()
  }

  /** Goes on where a pause or a large message has held things up. */
  #proceed (inflated: Buffer | null): void {
    if (inflated === null && this.#inflating !== 0) return
    this.#hand(null, 0, inflated)
    while (this.#transport === GONE && this.#inflating === 0 && this.#decoder.pending) this.#hand(null, 0, null)
    this.#tellEnd()
    if (!this.isPaused) this.#duplex.resume()
  }

  #stopReading (): void {
    this.#decoder.pause()
    this.#duplex.pause()
  }

  #letGo (): void {
    if (this.#holdTimer !== null) clearTimeout(this.#holdTimer)
    this.#holdTimer = null
  }

  #hand (bytes: Buffer | null, length: number, inflated: Buffer | null): void {
    this.#owner.onReadStart()
    try {
      if (bytes !== null) {
        this.#decoder.push(bytes, length)
      } else {
        if (inflated !== null) this.#complete(inflated)
        if (!this.isPaused || this.#transport === GONE) this.#decoder.resume()
      }
    } catch (error) {
      this.#owner.onViolation(error as Error)
    }
    this.#owner.onReadEnd()
  }

  #complete (inflated: Buffer): void {
    const opcode = this.#inflating
    this.#inflating = 0
    this.#assembler.complete(opcode, inflated)
  }

  #tellEnd (): void {
    if (this.#inflating !== 0 || this.#decoder.pending) return
    const transport = this.#transport
    this.#transport = FLOWING
    if (transport === PEER_ENDED) this.#owner.onPeerEnded()
    else if (transport === GONE) this.#owner.onTransportGone()
  }
}
