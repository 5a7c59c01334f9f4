import type { Duplex } from 'node:stream'
import { Inflater, type InflaterOwner } from '../deflate/inflater.ts'
import type { Direction } from '../deflate/negotiate.ts'
import { FrameDecoder, type Role, type WorkOwner } from '../protocol/frame-decoder.ts'
import { type Decompressor, MessageAssembler, type MessageSink } from '../protocol/message-assembler.ts'
import { ProtocolError } from '../protocol/protocol-error.ts'
import { workOf } from '../protocol/work.ts'
import { Meter, type MeterOwner, type RateLimit } from './meter.ts'
import { type Trace, trace } from './trace.ts'
import { turn, type TurnTaker } from './turn.ts'

/** What a reader hands on, in the order in which it came. */
export interface ReaderOwner extends MessageSink {
  /** It begins to read, for the first time or again. */
  onReading (): void
  /** What is handed on up to `onReadEnd` came together. */
  onReadStart (): void
  onReadEnd (): void
  /** The peer has sent more than `rate` allows, and is not to be slowed down but closed. */
  onOverRate (): void
  /** The peer broke a rule. */
  onViolation (error: ProtocolError): void
  /** We cannot go on, which is no fault of the peer. */
  onFailure (error: Error): void
  /** The peer has ended its side. */
  onPeerEnded (): void
  /** The transport is gone. */
  onTransportGone (): void
}

/* What has become of the transport, in the order in which it comes. The owner is told behind everything that came before. */
const FLOWING = 0
const PEER_ENDED = 1
const PEER_ENDED_TOLD = 2
const GONE = 3
const GONE_TOLD = 4

/* Reasons not to read: bits, of which any number may be set. */

/** The consumer has enough: from `pause` to `resume`. */
const CONSUMER = 1
/** The peer is ahead of its rate: from `onAhead` to `onWithinRate`. */
const RATE = 2
/** A large message is being inflated in the thread pool. Nothing that follows it may overtake it. */
const INFLATING = 4
/** The turn of the event loop is over: until it is our turn again. */
const TURN = 8
/** There is no other reason left, and a microtask goes on. */
const SOON = 16

/** A read of so many bytes may be followed by another one in the same turn: libuv goes on while its buffer comes back full. */
const LARGE_READ = 64 * 1024

/**
 * From a Duplex to messages. While there is a reason not to read, what has been read already waits, and so does the news
 * that the transport has ended.
 *
 * One loop, `#run`, owns the decoder, and is entered from the event loop only. Whatever is called from inside of it, or by
 * the consumer, only changes the reasons: the loop looks at them after each frame, or is entered soon.
 */
export class Reader implements Decompressor, InflaterOwner, MeterOwner, WorkOwner, TurnTaker {
  /** Null: frames are not printed. */
  readonly trace: Trace | null

  readonly #duplex: Duplex
  readonly #owner: ReaderOwner
  readonly #assembler: MessageAssembler
  readonly #decoder: FrameDecoder
  /** Null: no message is inflated, or none any more. */
  #inflater: Inflater | null
  readonly #meter: Meter | null

  #reasons = 0
  /** What the Duplex was told last. It stays paused from when a reason comes up to when the loop has caught up. */
  #isReading = false
  /** Inside of the loop, which does at its end what is asked for meanwhile. */
  #isRunning = false
  /** What the thread pool has made of a message, until it is handed on. */
  #inflated: Buffer | null = null
  #transport = FLOWING

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
    this.#assembler = new MessageAssembler(this.#meter ?? owner, maxPayload, compression === null ? null : this)
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
    if (this.#inflater !== null) this.#checkTurn()
    this.#run(bytes, length)
    this.#meter?.settle()
    if (length >= LARGE_READ) this.#checkTurn()
  }

  pause (): void {
    if ((this.#reasons & CONSUMER) === 0) this.#meter?.pause()
    this.#stopFor(CONSUMER)
  }

  resume (): void {
    if ((this.#reasons & CONSUMER) === 0) return
    this.#reasons &= ~CONSUMER
    this.#meter?.resume()
    this.#goOnSoon()
  }

  /** Reads on to the peer's close frame, whatever holds it up or limits it. */
  finish (): void {
    this.#meter?.stop()
    this.#stopInflating()
    this.#reasons &= ~(CONSUMER | RATE)
    this.#goOnSoon()
  }

  /** Hands nothing on any more. What still comes is read and ignored, so that the end of the transport is seen. */
  stop (): void {
    this.#meter?.stop()
    this.#stopInflating()
    this.#reasons = 0
    this.#decoder.stop()
    this.#read()
    // After what the owner does now, such as to close.
    process.nextTick(() => this.#tellEnd())
  }

  peerEnded (): void {
    this.#transport = Math.max(this.#transport, PEER_ENDED)
    this.#goOn()
  }

  /** What has been read is not lost with the transport, but for what the rate holds back. */
  gone (): void {
    this.#transport = GONE
    if ((this.#reasons & RATE) !== 0) this.#decoder.stop()
    this.#goOn()
  }

  onOverRate (): void {
    this.#owner.onOverRate()
  }

  onAhead (): void {
    this.#stopFor(RATE)
    // A client must not get round its rate by leaving.
    if (this.#transport >= GONE) this.#decoder.stop()
  }

  onWithinRate (): void {
    this.#reasons &= ~RATE
    this.#goOn()
  }

  decompress (data: Buffer): Buffer | null {
    // What is not delivered is not inflated either.
    if (this.#inflater === null) return null
    if (this.#transport >= GONE && (this.#reasons & CONSUMER) !== 0) {
      // What `gone` still hands on is no more than a chunk, unless it could swell without end.
      this.#decoder.stop()
      return null
    }
    const message = this.#inflater.inflate(data)
    if (message === null) this.#stopFor(INFLATING)
    else this.#decoder.spend(workOf(message.length))
    return message
  }

  onInflated (message: Buffer): void {
    this.#inflated = message
    this.#reasons &= ~INFLATING
    // It is large.
    this.#checkTurn()
    this.#goOn()
  }

  onInflateFailed (error: Error): void {
    this.#fail(error)
  }

  onAllowanceSpent (): void {
    this.#checkTurn()
  }

  takeTurn (): void {
    this.#reasons &= ~TURN
    this.#goOn()
  }

  /**
   * What keeps things from being handed on. Once the transport is gone nobody is slowed down any more: what has been read
   * goes to the consumer, who has at most one read more to hold then.
   */
  get #isHeld (): boolean {
    return (this.#reasons & (this.#transport >= GONE ? INFLATING | TURN | SOON : ~0)) !== 0
  }

  /** Whether something waits to be handed on. */
  get #hasMore (): boolean {
    return (this.#reasons & INFLATING) !== 0 || this.#inflated !== null || this.#decoder.pending
  }

  /** A reason is gone, or the transport: hands on what waits, as far as the others let it. */
  #goOn (): void {
    if (this.#isRunning) return
    if (this.#hasMore && !this.#isHeld) this.#run(null, 0)
    else this.#settle()
  }

  /** Not at once, inside of a call of the consumer, who would be told things out of their order. */
  #goOnSoon (): void {
    if (this.#isRunning || (this.#reasons & SOON) !== 0) return
    if (!this.#hasMore) {
      this.#settle()
      return
    }
    this.#reasons |= SOON
    queueMicrotask(() => {
      this.#reasons &= ~SOON
      this.#goOn()
    })
  }

  /** The one place where anything is handed on, and not from inside of itself: first what waits, then what has been read. */
  #run (bytes: Buffer | null, length: number): void {
    this.#isRunning = true
    this.#owner.onReadStart()
    try {
      const inflated = this.#isHeld ? null : this.#inflated
      if (inflated !== null) {
        this.#inflated = null
        this.#assembler.complete(inflated)
      }
      if (!this.#isHeld) this.#decoder.resume()
      if (bytes !== null) this.#decoder.push(bytes, length)
      while (this.#decoder.pending && !this.#isHeld) this.#decoder.resume()
    } catch (error) {
      this.#fail(error as Error)
    }
    this.#owner.onReadEnd()
    this.#isRunning = false
    this.#settle()
  }

  #fail (error: Error): void {
    if (error instanceof ProtocolError) this.#owner.onViolation(error)
    else this.#owner.onFailure(error)
  }

  /** Nothing more can be handed on: the rest is to tell the end, or to read. */
  #settle (): void {
    this.#tellEnd()
    if (!this.isPaused) this.#read()
  }

  #tellEnd (): void {
    if (this.#hasMore) return
    if (this.#transport === PEER_ENDED) {
      this.#transport = PEER_ENDED_TOLD
      this.#owner.onPeerEnded()
    } else if (this.#transport === GONE) {
      this.#transport = GONE_TOLD
      this.#owner.onTransportGone()
    }
  }

  #checkTurn (): void {
    if (!turn.isOver || (this.#reasons & TURN) !== 0) return
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

  #stopInflating (): void {
    this.#inflater?.close()
    this.#inflater = null
    this.#inflated = null
    this.#reasons &= ~INFLATING
  }
}
