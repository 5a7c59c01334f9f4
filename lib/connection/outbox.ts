import type { Duplex } from 'node:stream'
import { MAX_HEADER, SHORT_TEXT, writeFrame, writeHeader, writeShortText, writeTextFrame } from '../protocol/frame-encoder.ts'
import { TEXT } from '../protocol/opcode.ts'
import { encodeUtf8 } from '../protocol/utf8.ts'
import { at, type Due, type DueTime, NOT_DUE, TICK, TURN_END } from './due.ts'
import type { Frame, Run } from './frame-run.ts'
import { COPY_UP_TO, GATHERED_SIZE, Gathering, unpooled } from './gathering.ts'
import type { MessageForm } from './message-form.ts'
import type { OutboxOwner } from './owner.ts'
import { randomKey } from './random-key.ts'
import type { Trace } from './trace.ts'
import { endTransport } from './transport.ts'

/** With this much gathered, the next frame might not fit. */
const ENOUGH_GATHERED = GATHERED_SIZE - COPY_UP_TO - MAX_HEADER

/**
 * Frames are encoded here, for one connection at a time: the next one first moves the other's frames out. The replies to
 * one chunk thus leave in one write, and an idle connection keeps no buffer.
 */
const scratch = Buffer.allocUnsafeSlow(64 * 1024)
let scratchUsed = 0
let scratchOwner: Outbox | null = null

/** Frames on their way to one Duplex: keeps their order, writes them together, applies back-pressure. */
export class Outbox implements Due {
  /** Bytes handed to the Duplex so far. */
  bytesWritten = 0

  readonly #duplex: Duplex
  readonly isMasked: boolean
  readonly #highWaterMark: number
  readonly #owner: OutboxOwner
  readonly #trace: Trace | null

  /** Bytes appended but not handed to the Duplex yet, wherever they are kept. */
  #unwritten = 0
  /** Bytes of messages still on their way here. */
  #expected = 0
  /** Frames that have left the scratch buffer, or never fitted into it. */
  #chunks: Buffer[] | null = null
  /** Frames that have left the scratch buffer while `#writing`. */
  #gathered: Gathering | null = null
  /** Frames that other connections send as well: after `#chunks`, before `#gathered`. */
  #run: Run | null = null
  /** A write is under way whose callback calls `#written`. */
  #writing = false
  #corked = false
  /** When to flush. Frames for many connections may wait longer: any number of peers may broadcast in one turn. */
  #due: DueTime = NOT_DUE
  #needDrain = false
  /** How many bytes had been taken by the end of the last message larger than `maxBuffered`. */
  #oversizedEnd = 0
  #onWritten: ((error?: Error | null) => void) | null = null

  /** @param masked whether to mask frames, as a client must (RFC 6455 §5.1) */
  constructor (duplex: Duplex, masked: boolean, highWaterMark: number, owner: OutboxOwner, trace: Trace | null = null) {
    this.#duplex = duplex
    this.isMasked = masked
    this.#highWaterMark = highWaterMark
    this.#owner = owner
    this.#trace = trace
  }

  /** Bytes waiting to be written: here, in the Duplex, or on their way here. */
  get bufferedAmount (): number {
    return this.#unwritten + this.#expected + this.#duplex.writableLength
  }

  /**
   * Whether a message of this size may still be taken. One larger than `maxBuffered` may, if at most `highWaterMark` waits,
   * and does not count against the messages behind it: only one such message waits at a time.
   */
  hasRoom (bytes: number, maxBuffered: number): boolean {
    this.flush()
    const taken = this.bytesWritten + this.#unwritten + this.#expected
    if (bytes > maxBuffered && this.bufferedAmount <= Math.min(this.#highWaterMark, maxBuffered)) {
      this.#oversizedEnd = taken + bytes
      return true
    }
    // Counts what waits behind the oversized message, or everything once that has left.
    return Math.min(this.bufferedAmount, taken - this.#oversizedEnd) + bytes <= maxBuffered
  }

  /** Counts a message that will be appended later. */
  expect (bytes: number): void {
    this.#expected += bytes
    if (this.bufferedAmount > this.#highWaterMark) this.#needDrain = true
  }

  /** The expected message is about to be appended. */
  arrived (bytes: number): void {
    this.#expected -= bytes
  }

  /** Holds frames back until `uncork`, so that they leave in one write. */
  cork (): void {
    this.#corked = true
  }

  uncork (): void {
    this.#corked = false
    if (this.#unwritten > 0) this.flush()
  }

  text (text: string): void {
    const key = this.isMasked ? randomKey() : null
    if (text.length <= SHORT_TEXT) {
      this.#trace?.sent(TEXT, text)
      this.#claim(SHORT_TEXT * 3 + MAX_HEADER)
      const start = scratchUsed
      scratchUsed = writeShortText(scratch, start, TEXT, text, key)
      this.#appended(scratchUsed - start)
      return
    }
    // A long text need not be measured: it takes at least one byte per character.
    const byteLength = text.length > COPY_UP_TO ? text.length : Buffer.byteLength(text)
    if (byteLength > COPY_UP_TO) {
      this.frame(TEXT, encodeUtf8(text))
      return
    }
    this.#trace?.sent(TEXT, text)
    this.#claim(byteLength + MAX_HEADER)
    const start = scratchUsed
    scratchUsed = writeTextFrame(scratch, start, TEXT, text, byteLength, key)
    this.#appended(scratchUsed - start)
  }

  /** @param opcode with RSV1 added for a compressed message */
  frame (opcode: number, payload: Uint8Array): void {
    const length = payload.length
    this.#trace?.sent(opcode, payload)
    const key = this.isMasked ? randomKey() : null
    if (length <= COPY_UP_TO) {
      this.#claim(length + MAX_HEADER)
      const start = scratchUsed
      scratchUsed = writeFrame(scratch, start, opcode, payload, key)
      this.#appended(scratchUsed - start)
      return
    }
    if (scratchOwner === this) this.#vacate()
    if (key !== null) {
      // Masking changes every byte, and the payload is not ours to change.
      const frame = Buffer.allocUnsafe(length + MAX_HEADER)
      const end = writeFrame(frame, 0, opcode, payload, key)
      this.#pushOwn(frame.subarray(0, end))
      this.#appended(end)
      return
    }
    const header = Buffer.allocUnsafe(MAX_HEADER)
    const end = writeHeader(header, 0, opcode, length, null)
    this.#pushOwn(header.subarray(0, end))
    this.#pushOwn(Buffer.from(payload.buffer, payload.byteOffset, length))
    this.#appended(end + length)
  }

  /** Appends a message that other connections send as well, uncompressed. */
  form (form: MessageForm): void {
    if (this.isMasked) this.frame(form.opcode, form.payload)
    else this.shared(form.frame)
  }

  /** Appends a frame that other connections send as well. Copies it only to put it behind frames of our own. */
  shared (frame: Frame): void {
    const { bytes } = frame
    this.#trace?.sentFrame(bytes)
    if (bytes.length > COPY_UP_TO) {
      if (scratchOwner === this) this.#vacate()
      this.#push(bytes)
    } else if (scratchOwner === this || this.#gathered !== null) {
      this.#claim(bytes.length)
      scratch.set(bytes, scratchUsed)
      scratchUsed += bytes.length
    } else {
      if (this.#run !== null && (this.#run.isFull || (this.#writing && frame.beginsRun))) this.#closeRun()
      this.#run = frame.behind(this.#run)
    }
    this.#appended(bytes.length, TURN_END)
  }

  /** Hands frames to the Duplex at once; false: something waits before them, or would wait behind them. */
  writeNow (frames: Buffer): boolean {
    const waits = this.#unwritten > 0 || this.#writing || this.bufferedAmount + frames.length > this.#highWaterMark
    if (waits || this.#trace !== null) return false
    this.bytesWritten += frames.length
    this.#duplex.write(frames)
    return true
  }

  /** Hands everything to the Duplex, unless that is busy and little has gathered. */
  flush (): void {
    if (scratchOwner === this) this.#vacate()
    if (!this.#writing || this.#unwritten >= ENOUGH_GATHERED) this.#write()
  }

  #write (): void {
    this.#closeGathered()
    // A run that is still growing stays: other connections that have fallen behind will share it.
    const left = this.#writing ? this.#run?.length ?? 0 : 0
    if (left === 0) this.#closeRun()
    const chunks = this.#chunks
    if (chunks === null) return
    this.#chunks = null
    this.bytesWritten += this.#unwritten - left
    this.#unwritten = left
    const isBusy = this.#duplex.writableLength > 0
    const last = chunks.length - 1
    if (last > 0) this.#duplex.cork()
    for (let i = 0; i < last; i++) this.#duplex.write(chunks[i])
    if (isBusy || this.#needDrain) {
      this.#writing = true
      this.#onWritten ??= error => this.#written(error)
      this.#duplex.write(chunks[last], this.#onWritten)
    } else {
      this.#duplex.write(chunks[last])
    }
    if (last > 0) this.#duplex.uncork()
  }

  /** Writes what is left, then ends the Duplex. */
  end (): void {
    this.#writing = false
    this.flush()
    endTransport(this.#duplex)
  }

  /** Discards what has not been written: the Duplex is gone. */
  discard (): void {
    if (scratchOwner === this) this.#vacate()
    this.#chunks = null
    this.#gathered = null
    this.#run = null
    this.#unwritten = 0
    this.#expected = 0
  }

  #appended (bytes: number, due: DueTime = TICK): void {
    this.#unwritten += bytes
    if (this.#needDrain || this.bufferedAmount > this.#highWaterMark) {
      const owed = this.#needDrain
      this.#needDrain = true
      this.flush()
      this.#needDrain = owed || this.bufferedAmount > this.#highWaterMark
    } else if (!this.#corked && this.#due < due) {
      this.#due = due
      at(due, this)
    }
  }

  onDue (): void {
    this.#due = NOT_DUE
    this.flush()
  }

  #written (error: Error | null | undefined): void {
    // A destroyed net.Socket reports its last write as done.
    if (error || this.#duplex.destroyed) return
    this.#writing = false
    if (this.#unwritten > 0) this.flush()
    if (!this.#needDrain || this.bufferedAmount > this.#highWaterMark) return
    this.#needDrain = false
    this.#owner.onDrain()
  }

  /** Makes the scratch buffer ours, with room for `bytes`. */
  #claim (bytes: number): void {
    if (scratchOwner !== this) {
      if (scratchOwner !== null) scratchOwner.#vacate()
      scratchOwner = this
    } else if (scratchUsed + bytes > scratch.length) {
      this.#vacate()
      scratchOwner = this
    }
  }

  /** Moves our frames out of the scratch buffer. */
  #vacate (): void {
    scratchOwner = null
    if (this.#writing) this.#gather(scratchUsed)
    else this.#push(Buffer.from(scratch.subarray(0, scratchUsed)))
    scratchUsed = 0
  }

  #gather (bytes: number): void {
    if (this.#gathered === null || !this.#gathered.hasRoom(bytes)) {
      this.#closeGathered()
      this.#gathered = new Gathering(bytes)
    }
    this.#gathered.add(scratch, bytes)
  }

  #closeGathered (): void {
    if (this.#gathered === null) return
    const frames = this.#gathered.taken
    this.#gathered = null
    this.#push(frames)
  }

  #closeRun (): void {
    if (this.#run === null) return
    const run = this.#run
    this.#run = null
    this.#push(run.bytes)
  }

  /** The same as `#push`, for bytes that no other connection writes as well. */
  #pushOwn (bytes: Buffer): void {
    this.#push(this.#writing ? unpooled(bytes) : bytes)
  }

  /** Puts frames behind everything that waits to be written. */
  #push (frames: Buffer): void {
    this.#closeGathered()
    this.#closeRun();
    (this.#chunks ??= []).push(frames)
  }
}
