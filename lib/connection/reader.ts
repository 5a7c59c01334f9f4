import type { Duplex } from 'node:stream'
import { Inflater, type InflaterHost } from '../deflate/inflater.ts'
import type { Direction } from '../deflate/negotiate.ts'
import { FrameDecoder, type Role } from '../protocol/frame-decoder.ts'
import { MessageAssembler, type MessageSink } from '../protocol/message-assembler.ts'

/** What a reader hands on, in the order in which it came. */
export interface ReaderOwner extends MessageSink {
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
 * From a Duplex to messages. While it is paused, and while a large message is being inflated, it does not read; what it
 * has read already waits, and so does the news that the transport has ended.
 */
export class Reader implements InflaterHost {
  readonly #duplex: Duplex
  readonly #owner: ReaderOwner
  readonly #assembler: MessageAssembler
  readonly #decoder: FrameDecoder
  readonly #inflater: Inflater | null

  #paused = false
  /** The opcode of the message that is being inflated, or 0. */
  #inflating = 0
  #transport: typeof FLOWING | typeof PEER_ENDED | typeof GONE = FLOWING

  /**
   * @param maxPayload bytes in a message, at most
   * @param compression of what the peer sends, or null
   */
  constructor (role: Role, duplex: Duplex, owner: ReaderOwner, maxPayload: number, compression: Direction | null) {
    this.#duplex = duplex
    this.#owner = owner
    this.#assembler = new MessageAssembler(owner, maxPayload)
    this.#decoder = new FrameDecoder(role, this.#assembler, compression !== null)
    this.#inflater = compression === null ? null : new Inflater(compression, maxPayload, this)
  }

  /** Whether it does not read at the moment. */
  get isPaused (): boolean {
    return this.#paused || this.#inflating !== 0
  }

  /** Begins to read. */
  start (): void {
    if (this.isPaused) this.#duplex.pause()
    else this.#duplex.resume()
  }

  /** Takes what has been read: the bytes up to `length`, which are lent for the call. */
  read (bytes: Buffer, length: number): void {
    this.#hand(bytes, length, null)
  }

  pause (): void {
    this.#paused = true
    this.#decoder.pause()
    this.#duplex.pause()
  }

  resume (): void {
    if (!this.#paused) return
    this.#paused = false
    this.#proceed(null)
  }

  /** Hands nothing on any more. What still comes is read and ignored, so that the end of the transport is seen. */
  stop (): void {
    this.#paused = false
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
    this.#decoder.pause()
    this.#duplex.pause()
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

  /** What has been read is not lost with the transport, but for compressed messages that nobody has room for. */
  gone (): void {
    this.#transport = GONE
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
