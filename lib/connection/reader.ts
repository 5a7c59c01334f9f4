import type { Duplex } from 'node:stream'
import { Inflater, type InflaterHost } from '../deflate/inflater.ts'
import type { Direction } from '../deflate/negotiate.ts'
import { FrameDecoder, type Role, type WorkOwner } from '../protocol/frame-decoder.ts'
import { type Decompressor, MessageAssembler } from '../protocol/message-assembler.ts'
import { ProtocolError } from '../protocol/protocol-error.ts'
import { workOf } from '../protocol/work.ts'
import { Meter, type MeterOwner, type RateLimit } from './meter.ts'
import { type Trace, trace } from './trace.ts'
import { turn, type TurnTaker } from './turn.ts'

/** What a reader hands on, in the order in which it came. */
export interface ReaderOwner extends MeterOwner {
  /** It begins to read, for the first time or again. */
  onReading (): void
  /** What is handed on up to `onReadEnd` came together. */
  onReadStart (): void
  onReadEnd (): void
  /** The peer broke a rule. */
  onViolation (error: ProtocolError): void
  /** Something of ours has failed. */
  onFailure (error: Error): void
  /** The peer has ended its side. */
  onPeerEnded (): void
  /** The transport is gone. */
  onTransportGone (): void
}

/** What has become of the transport, in the order in which it comes. */
const FLOWING = 0
const PEER_ENDED = 1
const GONE = 2
type TransportState = typeof FLOWING | typeof PEER_ENDED | typeof GONE

/** Reasons not to read: bits, of which any number may be set. */
const CONSUMER = 1
const RATE = 2
const INFLATING = 4
const TURN = 8
/** There is no other reason left, and the loop is about to go on. */
const SOON = 16

/** A read of so many bytes may be followed by another one in the same turn: libuv goes on while its buffer comes back full. */
const LARGE_READ = 64 * 1024

/**
 * From a Duplex to messages. While there is a reason not to read, what has been read already waits, and so does the news
 * that the transport has ended.
 *
 * One loop, `#run`, owns the decoder, and is entered from the event loop only. Whatever is called from inside of it, or by
 * the consumer, only notes its reason: the loop looks at the reasons after each frame, or is entered soon.
 */
export class Reader implements Decompressor, InflaterHost, WorkOwner, TurnTaker {
  /** Null: frames are not printed. */
  readonly trace: Trace | null

  readonly #duplex: Duplex
  readonly #owner: ReaderOwner
  readonly #assembler: MessageAssembler
  readonly #decoder: FrameDecoder
  readonly #inflater: Inflater | null
  readonly #meter: Meter | null

  /** Why nothing is handed on at the moment. */
  #reasons = 0
  /** Whether the Duplex is being read. */
  #isReading = false
  #isRunning = false
  /** Whether messages are handed on: until the consumer closes. */
  #delivers = true
  /** Runs as long as there is the reason RATE. */
  #rateTimer: NodeJS.Timeout | undefined
  /** A message that is inflated elsewhere, until it is handed on; its data is null as long as it is not there. */
  #large: { opcode: number, data: Buffer | null } | null = null
  #transport: TransportState = FLOWING
  /** As far as the owner knows. */
  #told: TransportState = FLOWING

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
    this.#assembler = new MessageAssembler(this.#meter ?? owner, maxPayload, this)
    this.trace = trace(this.#assembler)
    this.#decoder = new FrameDecoder(role, this.trace ?? this.#assembler, compression !== null, this)
    this.#inflater = compression === null ? null : new Inflater(compression, maxPayload, this)
  }

  /** Whether it does not read at the moment. */
  get isPaused (): boolean {
    return this.#reasons !== 0
  }

  /** Begins to read. */
  start (): void {
    if (this.isPaused) this.#duplex.pause()
    else this.#read()
  }

  /** Takes what has been read: the bytes up to `length`, which are lent for the call. */
  read (bytes: Buffer, length: number): void {
    this.#meter?.count(length)
    // To inflate is never small work.
    if (this.#inflater !== null && turn.isOver) this.#waitForTurn()
    this.#run(bytes, length)
    this.#meter?.settle()
    if (length >= LARGE_READ && turn.isOver) this.#waitForTurn()
  }

  pause (): void {
    if ((this.#reasons & CONSUMER) === 0) this.#meter?.pause()
    this.#stopFor(CONSUMER)
  }

  resume (): void {
    if ((this.#reasons & CONSUMER) === 0) return
    this.#reasons &= ~CONSUMER
    this.#meter?.resume()
    if (this.#hasMore) this.#runSoon()
    else this.#run(null, 0)
  }

  /** Does not read for so many milliseconds from now, for the peer is ahead of its rate. */
  hold (delay: number): void {
    // A client must not get round its rate by leaving.
    if (this.#transport === GONE) {
      this.#decoder.stop()
      return
    }
    clearTimeout(this.#rateTimer)
    this.#rateTimer = setTimeout(() => {
      this.#reasons &= ~RATE
      this.#run(null, 0)
    }, delay)
    this.#stopFor(RATE)
  }

  /** Reads on to the peer's close frame, whatever holds it up or limits it. Messages are not wanted any more. */
  finish (): void {
    this.#delivers = false
    this.#meter?.stop()
    clearTimeout(this.#rateTimer)
    this.#reasons &= ~(CONSUMER | RATE)
    if (this.#hasMore) this.#runSoon()
    else this.#settle()
  }

  /** Hands nothing on any more. What still comes is read and ignored, so that the end of the transport is seen. */
  stop (): void {
    this.#meter?.stop()
    clearTimeout(this.#rateTimer)
    this.#reasons = 0
    this.#large = null
    this.#decoder.stop()
    this.#inflater?.close()
    this.#read()
    // After what the owner does now, such as to close.
    if (this.#told !== this.#transport) process.nextTick(() => this.#tellEnd())
  }

  decompress (opcode: number, data: Buffer): void {
    if (!this.#delivers) return
    if (this.#transport === GONE && (this.#reasons & CONSUMER) !== 0) {
      // What `gone` still hands on is no more than a chunk, unless it could swell without end.
      this.#decoder.stop()
      return
    }
    const message = this.#inflater!.inflate(data)
    if (message !== null) {
      this.#decoder.spend(workOf(message.length))
      this.#assembler.complete(opcode, message)
      return
    }
    this.#large = { opcode, data: null }
    this.#stopFor(INFLATING)
  }

  onInflated (message: Buffer): void {
    this.#large!.data = message
    this.#reasons &= ~INFLATING
    // It is large.
    if (turn.isOver) this.#waitForTurn()
    else this.#run(null, 0)
  }

  onInflateFailed (error: Error): void {
    // It stops this reader.
    this.#refuse(error)
    this.#tellEnd()
  }

  onAllowanceSpent (): void {
    if (turn.isOver) this.#waitForTurn()
  }

  takeTurn (): void {
    if ((this.#reasons & TURN) === 0) return
    this.#reasons &= ~TURN
    this.#run(null, 0)
  }

  peerEnded (): void {
    this.#transport = PEER_ENDED
    this.#handOnRest()
  }

  /** What has been read is not lost with the transport, but for what a rate limit holds back. */
  gone (): void {
    this.#transport = GONE
    if ((this.#reasons & RATE) !== 0) this.#decoder.stop()
    this.#handOnRest()
  }

  /**
   * What keeps things from being handed on. Once the transport is gone nobody is slowed down any more: what has been read
   * goes to the consumer, who has at most one read more to hold then.
   */
  get #isHeld (): boolean {
    return (this.#reasons & (this.#transport === GONE ? INFLATING | TURN | SOON : ~0)) !== 0
  }

  /** Not at once, inside of a call of the consumer, who would be told things out of their order. */
  #runSoon (): void {
    if (this.#isRunning || (this.#reasons & SOON) !== 0) return
    this.#reasons |= SOON
    queueMicrotask(() => {
      if ((this.#reasons & SOON) === 0) return
      this.#reasons &= ~SOON
      this.#run(null, 0)
    })
  }

  #handOnRest (): void {
    if (this.#hasMore) this.#run(null, 0)
    else this.#settle()
  }

  /** The one place where anything is handed on, and not from inside of itself. */
  #run (bytes: Buffer | null, length: number): void {
    if (this.#isRunning || (bytes === null && this.#isHeld)) {
      this.#settle()
      return
    }
    this.#isRunning = true
    this.#owner.onReadStart()
    try {
      if (this.#large !== null && !this.#isHeld) this.#completeLarge(this.#large)
      if (!this.#isHeld) this.#decoder.resume()
      if (bytes !== null) this.#decoder.push(bytes, length)
      while (this.#decoder.pending && !this.#isHeld) this.#decoder.resume()
    } catch (error) {
      this.#refuse(error as Error)
    }
    this.#owner.onReadEnd()
    this.#isRunning = false
    this.#settle()
  }

  /** What is left to do when nothing more can be handed on. */
  #settle (): void {
    if (this.#isRunning) return
    this.#tellEnd()
    if (!this.isPaused) this.#read()
  }

  /** What cannot be handed on is the peer's fault, or ours. */
  #refuse (error: Error): void {
    if (error instanceof ProtocolError) this.#owner.onViolation(error)
    else this.#owner.onFailure(error)
  }

  #completeLarge ({ opcode, data }: { opcode: number, data: Buffer | null }): void {
    this.#large = null
    this.#assembler.complete(opcode, data!)
  }

  /** Whether something waits to be handed on. */
  get #hasMore (): boolean {
    return this.#large !== null || this.#decoder.pending
  }

  #waitForTurn (): void {
    if ((this.#reasons & TURN) !== 0) return
    this.#stopFor(TURN)
    turn.wait(this)
  }

  #stopFor (reason: number): void {
    this.#reasons |= reason
    this.#decoder.pause()
    if (!this.#isReading) return
    this.#isReading = false
    this.#duplex.pause()
  }

  #read (): void {
    if (this.#isReading) return
    this.#isReading = true
    this.#owner.onReading()
    this.#duplex.resume()
  }

  #tellEnd (): void {
    if (this.#isRunning || this.#hasMore || this.#told === this.#transport) return
    this.#told = this.#transport
    if (this.#told === PEER_ENDED) this.#owner.onPeerEnded()
    else this.#owner.onTransportGone()
  }
}
