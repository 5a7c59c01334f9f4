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

/** Takes what a reader hands on, in the order of arrival. */
export interface ReaderOwner extends MessageSink {
  /** Reading begins or resumes. */
  onReading (): void
  /** What is handed on before `onReadEnd` arrived together. */
  onReadStart (): void
  onReadEnd (): void
  /** The peer has sent more than `rate` allows, which closes the connection instead of slowing it down. */
  onOverRate (): void
  /** The peer broke a rule. */
  onViolation (error: ProtocolError): void
  /** We cannot go on, through no fault of the peer. */
  onFailure (error: Error): void
  /** The peer has ended its side. */
  onPeerEnded (): void
  /** The transport is gone. */
  onTransportGone (): void
}

/* The states of the transport, in order. The owner hears of a change after everything that was received before it. */
const FLOWING = 0
const PEER_ENDED = 1
const PEER_ENDED_TOLD = 2
const GONE = 3
const GONE_TOLD = 4

/* Reasons not to read: bits, any number of which may be set. */

/** The consumer has enough: from `pause` to `resume`. */
const CONSUMER = 1
/** The peer is ahead of its rate: from `onAhead` to `onWithinRate`. */
const RATE = 2
/** A large message is being inflated in the thread pool. Nothing that follows it may overtake it. */
const INFLATING = 4
/** Our time in this turn of the event loop is over: from `wait` to `takeTurn`. */
const TURN = 8
/** A microtask is about to go on. */
const SOON = 16

/** After a read this large, another may follow in the same turn: libuv reads on while its buffer comes back full. */
const LARGE_READ = 64 * 1024

/**
 * Reads messages from a Duplex. While there is a reason not to read, bytes that have been read wait, and so does the news
 * that the transport has ended.
 *
 * One loop, `#run`, owns the decoder, and only the event loop enters it. Calls from inside it, or from the consumer, only
 * change the reasons: the loop checks them after each frame, or is entered soon.
 */
export class Reader implements Decompressor, InflaterOwner, MeterOwner, WorkOwner, TurnTaker {
  /** Null: frames are not printed. */
  readonly trace: Trace | null

  readonly #duplex: Duplex
  readonly #owner: ReaderOwner
  readonly #assembler: MessageAssembler
  readonly #decoder: FrameDecoder
  /** Null: messages are not inflated, or no longer are. */
  #inflater: Inflater | null
  readonly #meter: Meter | null

  #reasons = 0
  /** What the Duplex was last told. A reason pauses it until the loop has caught up. */
  #isReading = false
  /** The loop is running. What is asked for in the meantime is done when it ends. */
  #isRunning = false
  /** A message that the thread pool has inflated, until it is handed on. */
  #inflated: Buffer | null = null
  #transport = FLOWING

  /**
   * @param maxPayload the most bytes in a message
   * @param compression how the peer compresses, or null
   * @param rate how much the peer may send per second, or null
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

  /** Whether there is a reason not to read. */
  get isPaused (): boolean {
    return this.#reasons !== 0
  }

  /** Begins to read. */
  start (): void {
    if (this.isPaused) this.#duplex.pause()
    else this.#read()
  }

  /** Takes the first `length` bytes, which are lent for the call. */
  read (bytes: Buffer, length: number): void {
    this.#meter?.count(length)
    // Inflating is never small work.
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

  /** Reads on to the peer's close frame, in spite of the consumer's pause and the rate. */
  finish (): void {
    this.#meter?.stop()
    this.#stopInflating()
    this.#reasons &= ~(CONSUMER | RATE)
    this.#goOnSoon()
  }

  /** Hands on nothing more. Reads and ignores what still arrives, so that the end of the transport is noticed. */
  stop (): void {
    this.#meter?.stop()
    this.#stopInflating()
    this.#reasons = 0
    this.#decoder.stop()
    this.#read()
  }

  peerEnded (): void {
    this.#transport = Math.max(this.#transport, PEER_ENDED)
    this.#goOn()
  }

  /** The transport is gone. What has been read is still handed on, except what the rate holds back. */
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
    // A client must not evade its rate by leaving.
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
      // After `gone`, a paused consumer must hold one more chunk, but not all that a chunk could inflate to.
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
    // A large message takes time.
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
   * Whether a reason keeps us from handing on. Once the transport is gone there is no peer to slow down: the consumer
   * gets what has been read, which is at most one more read to hold.
   */
  get #isHeld (): boolean {
    return (this.#reasons & (this.#transport >= GONE ? INFLATING | TURN | SOON : ~0)) !== 0
  }

  /** Whether something waits to be handed on. */
  get #hasMore (): boolean {
    return (this.#reasons & INFLATING) !== 0 || this.#inflated !== null || this.#decoder.pending
  }

  /** A reason or the transport is gone: hands on what waits, unless another reason holds it. */
  #goOn (): void {
    if (this.#isRunning) return
    if (this.#hasMore && !this.#isHeld) this.#run(null, 0)
    else this.#settle()
  }

  /** Goes on in a microtask: inside a call from the consumer, things would reach it out of order. */
  #goOnSoon (): void {
    if (this.#isRunning || (this.#reasons & SOON) !== 0) return
    if (!this.#hasMore) {
      this.#read()
      return
    }
    this.#reasons |= SOON
    queueMicrotask(() => {
      this.#reasons &= ~SOON
      this.#goOn()
    })
  }

  /** Everything is handed on here, and never from inside itself: first what waits, then what has just been read. */
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

  /** Nothing more can be handed on: tells the end if it has come, and reads on if nothing forbids it. */
  #settle (): void {
    this.#tellEnd()
    this.#read()
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

  /** Reads on, unless there is a reason not to. */
  #read (): void {
    if (this.#isReading || this.isPaused) return
    this.#isReading = true
    this.#owner.onReading()
    this.#duplex.resume()
  }

  #stopInflating (): void {
    this.#inflater?.close()
    this.#inflater = null
    this.#inflated = null
    this.#reasons &= ~INFLATING
    // The end may have waited for this. It is told after whatever the owner does now, such as closing.
    process.nextTick(() => this.#tellEnd())
  }
}
