import type { Duplex } from 'node:stream'
import { MAX_HEADER, SHORT_TEXT, writeFrame, writeHeader, writeShortText, writeTextFrame } from '../protocol/frame-encoder.ts'
import { TEXT } from '../protocol/opcode.ts'
import { encodeUtf8 } from '../protocol/utf8.ts'
import { at, type Due, type DueTime, NOT_DUE, TICK, TURN_END } from './due.ts'
import type { Frame, Run } from './frame-run.ts'
import { GATHERED_SIZE, Gathering } from './gathering.ts'
import type { MessageForm } from './message-form.ts'
import { randomKey } from './random-key.ts'
import type { Trace } from './trace.ts'
import { endTransport } from './transport.ts'

/**
 * Payloads up to here are copied beside their header; larger ones are written as they lie. Node 20, echo, CPU of copying
 * as a multiple, by window: 2 KiB × 8 0.98, 4 KiB × 1 1.05, 4 KiB × 8 1.3, 4 KiB × 32 1.6, 16 KiB × 1 1.3, 16 KiB × 32 2.
 */
const COPY_UP_TO = 2 * 1024

/** From here on the next frame might not fit. */
const ENOUGH_GATHERED = GATHERED_SIZE - COPY_UP_TO - MAX_HEADER

/**
 * Frames are encoded here, one connection's at a time: whoever comes next moves the other's frames out first. So the
 * replies to one chunk leave in one write, and an idle connection keeps no buffer.
 */
const scratch = Buffer.allocUnsafeSlow(64 * 1024)
let scratchUsed = 0
let scratchOwner: Outbox | null = null

export interface OutboxOwner {
  /** `bufferedAmount` has been above `highWaterMark` and is back. */
  onDrain (): void
}

/** What waits to be written to one Duplex: order, coalescing, back-pressure. */
export class Outbox implements Due {
  /** Bytes handed to the Duplex so far. */
  bytesWritten = 0

  readonly #duplex: Duplex
  readonly isMasked: boolean
  readonly #highWaterMark: number
  readonly #owner: OutboxOwner
  readonly #trace: Trace | null

  /** Bytes appended since the last flush, wherever they lie. */
  #unwritten = 0
  /** Bytes of messages that are on their way here. */
  #expected = 0
  /** Frames that have left the scratch buffer, or never fitted in. */
  #chunks: Buffer[] | null = null
  /** Frames that have left the scratch buffer while a write is under way that tells its end. */
  #gathered: Gathering | null = null
  /** Frames that others send as well, behind those of `#chunks` and in front of those that are gathered. */
  #run: Run | null = null
  #writing = false
  #corked = false
  /** Frames that others send as well may wait longer: in one turn any number of peers may have something told to all. */
  #due: DueTime = NOT_DUE
  #needDrain = false
  /** How many bytes will have been taken with the last message that was larger than all that may wait. */
  #oversizedEnd = 0
  #onWritten: ((error?: Error | null) => void) | null = null

  /** @param masked whether frames are masked: those of a client are (RFC 6455 §5.1) */
  constructor (duplex: Duplex, masked: boolean, highWaterMark: number, owner: OutboxOwner, trace: Trace | null = null) {
    this.#duplex = duplex
    this.isMasked = masked
    this.#highWaterMark = highWaterMark
    this.#owner = owner
    this.#trace = trace
  }

  /** Bytes that wait to be written: here, in the Duplex, or on their way here. */
  get bufferedAmount (): number {
    return this.#unwritten + this.#expected + this.#duplex.writableLength
  }

  /**
   * Whether a message of so many bytes may still be taken. One that is larger than `maxBuffered` may while no more than
   * `highWaterMark` waits, and does not count against what follows it: there is at most one such.
   */
  hasRoom (bytes: number, maxBuffered: number): boolean {
    this.flush()
    const taken = this.bytesWritten + this.#unwritten + this.#expected
    if (bytes > maxBuffered && this.bufferedAmount <= Math.min(this.#highWaterMark, maxBuffered)) {
      this.#oversizedEnd = taken + bytes
      return true
    }
    // What waits behind the large one, or all of it if that has left.
    return Math.min(this.bufferedAmount, taken - this.#oversizedEnd) + bytes <= maxBuffered
  }

  /** Counts a message that will be appended later. */
  expect (bytes: number): void {
    this.#expected += bytes
    if (this.bufferedAmount > this.#highWaterMark) this.#needDrain = true
  }

  /** It is about to be appended. */
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
    // A long text need not be measured: it has at least a byte for each character.
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
      this.#push(frame.subarray(0, end))
      this.#appended(end)
      return
    }
    const header = Buffer.allocUnsafe(MAX_HEADER)
    const end = writeHeader(header, 0, opcode, length, null)
    this.#push(header.subarray(0, end))
    this.#push(Buffer.from(payload.buffer, payload.byteOffset, length))
    this.#appended(end + length)
  }

  /** A message that others send as well, uncompressed. */
  form (form: MessageForm): void {
    if (this.isMasked) this.frame(form.opcode, form.payload)
    else this.shared(form.frame)
  }

  /** A frame that others send as well: it is not copied, unless frames of our own wait where it fits behind them. */
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

  /** Hands everything to the Duplex, unless that is busy and there is little. */
  flush (): void {
    if (scratchOwner === this) this.#vacate()
    if (!this.#writing || this.#unwritten >= ENOUGH_GATHERED) this.#write()
  }

  #write (): void {
    this.#closeGathered()
    // One that is still growing will be shared with others that have fallen behind.
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

  /** Forgets what has not been written: the Duplex is gone. */
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
    // What a net.Socket had under way when it was destroyed is reported as written.
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
    if (this.#writing) {
      this.#gather(scratchUsed)
    } else {
      const frames = Buffer.allocUnsafe(scratchUsed)
      scratch.copy(frames, 0, 0, scratchUsed)
      this.#push(frames)
    }
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

  /** Behind everything that is to be written. */
  #push (frames: Buffer): void {
    this.#closeGathered()
    this.#closeRun()
    if (this.#chunks === null) this.#chunks = [frames]
    else this.#chunks.push(frames)
  }
}
