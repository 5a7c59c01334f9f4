import { constants, type ZlibOptions } from 'node:zlib'
import { InflateRaw } from 'minizlib'
import { CloseCode } from '../contract/close-code.ts'
import { tooBig } from '../protocol/message-assembler.ts'
import { ProtocolError } from '../protocol/protocol-error.ts'
import { type ContextSource, enqueue, OwnContext, SharedContexts } from './context-source.ts'
import type { Direction } from './negotiate.ts'
import { joined, type Output, ZlibContext } from './zlib-context.ts'

export interface InflaterOwner {
  /** A message for which `inflate` returned null. */
  onInflated (message: Buffer): void
  /** A `ProtocolError` as `inflate` throws it, or a failure of ours. */
  onInflateFailed (error: Error): void
}

/**
 * The calling thread inflates messages up to this size, slice by slice, and stops after this much output. A slice swells
 * to at most 1 MiB, in under a millisecond.
 */
const MAX_SYNC_INPUT = 16 * 1024
const SLICE = 1024
const MAX_SYNC_OUTPUT = 128 * 1024

/** The end of an empty block, which the sender has cut off (RFC 7692 §7.2.2). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff])
/** The same, an empty final block, and a byte. If zlib leaves that byte, the message ended where a block does. */
const TAIL_AND_PROOF = Buffer.from([...TAIL, 0x01, 0x00, 0x00, 0xff, 0xff, 0x00])

/** The most final blocks in a message: each costs a new start, and no sender needs more than one. */
const MAX_FINAL_BLOCKS = 16

/** A message and its tail, while the calling thread inflates it. */
const scratch = Buffer.allocUnsafeSlow(MAX_SYNC_INPUT + TAIL_AND_PROOF.length)

/** The contexts without context takeover, by their window bits. */
const shared = new Map<number, SharedContexts>()

function sharedContexts (windowBits: number): SharedContexts {
  let contexts = shared.get(windowBits)
  if (contexts === undefined) shared.set(windowBits, contexts = new SharedContexts(chunkSize => create(windowBits, chunkSize)))
  return contexts
}

/** Inflates the messages of one peer, one at a time (RFC 7692 §7.2.2). */
export class Inflater {
  readonly #contexts: ContextSource
  readonly #tail: Buffer
  readonly #maxPayload: number
  readonly #owner: InflaterOwner
  /** Null: no job of the thread pool is under way. */
  #cancel: (() => void) | null = null

  /** The message in progress. */
  #chunks: Buffer[] = []
  #length = 0
  #finalBlocks = 0

  /** @param maxPayload the most bytes in a message once it is inflated */
  constructor ({ contextTakeover, windowBits }: Direction, maxPayload: number, owner: InflaterOwner) {
    this.#contexts = contextTakeover ? new OwnContext(chunkSize => create(windowBits, chunkSize)) : sharedContexts(windowBits)
    // The proof ends the compressed data, which with takeover the next message continues.
    this.#tail = contextTakeover ? TAIL : TAIL_AND_PROOF
    this.#maxPayload = maxPayload
    this.#owner = owner
  }

  /**
   * @param data lent for the call
   * @returns the message; null if it is large: the owner gets it later, and no other message may come before
   * @throws {ProtocolError} 1007: the data is broken; 1009: the message is too large
   * @throws {Error} of zlib, which is out of memory
   */
  inflate (data: Buffer): Buffer | null {
    this.#finalBlocks = 0
    // An empty message is sent as one byte (RFC 7692 §7.2.3.6). Without that there is nothing to inflate.
    if (data.length === 0) return data
    if (data.length > MAX_SYNC_INPUT) {
      this.#later(null, Buffer.concat([data, this.#tail]))
      return null
    }
    data.copy(scratch)
    this.#tail.copy(scratch, data.length)
    let rest: Buffer = scratch.subarray(0, data.length + this.#tail.length)
    const context = this.#contexts.take()
    try {
      while (rest.length > 0 && this.#length <= MAX_SYNC_OUTPUT) rest = this.#now(context, rest)
    } catch (error) {
      this.#contexts.give(context)
      throw error
    }
    if (rest.length > 0) {
      this.#later(context, Buffer.from(rest))
      return null
    }
    this.#contexts.give(context)
    return this.#message()
  }

  /** Tells the owner nothing more, and frees memory. */
  close (): void {
    this.#cancel?.()
    this.#chunks = []
    this.#contexts.close()
  }

  #now (context: ZlibContext, rest: Buffer): Buffer {
    const slice = rest.subarray(0, SLICE)
    let output
    try {
      output = context.now(slice)
    } catch (error) {
      throw toFault(error as Error)
    }
    if (output.used < slice.length) context.reset()
    return this.#advance(rest, slice.length, output)
  }

  /** @param context the one that has inflated the message so far, or null */
  #later (context: ZlibContext | null, rest: Buffer): void {
    this.#cancel = enqueue({
      source: this.#contexts,
      context,
      input: rest,
      maxLength: this.#maxPayload - this.#length,
      done: (error, output) => this.#jobDone(rest, error, output)
    })
  }

  #jobDone (rest: Buffer, error: Error | null, output: Output | undefined): void {
    let left
    try {
      if (output === undefined) throw error!
      if (this.#length + output.length > this.#maxPayload) throw tooBig(this.#maxPayload)
      if (error !== null) throw toFault(error)
      left = this.#advance(rest, rest.length, output)
    } catch (error) {
      this.#owner.onInflateFailed(error as Error)
      return
    }
    if (left.length > 0) this.#later(null, left)
    else this.#owner.onInflated(this.#message())
  }

  /** Adds an output to the message. Returns the input that is still to be inflated. */
  #advance (rest: Buffer, offered: number, { chunks, length, used }: Output): Buffer {
    for (const chunk of chunks) this.#chunks.push(chunk)
    this.#length += length
    if (this.#length > this.#maxPayload) throw tooBig(this.#maxPayload)
    const left = rest.subarray(used)
    const tailUsed = this.#tail.length - left.length
    if (used === offered) {
      if (left.length === 0 && this.#tail !== TAIL) throw broken('it ends inside a block')
      return left
    }
    // A block that calls itself final (RFC 7692 §7.2.3.4). Others may still follow it (§7.2.1).
    if (tailUsed < 0) {
      if (++this.#finalBlocks > MAX_FINAL_BLOCKS) throw broken(`it has more than ${MAX_FINAL_BLOCKS} final blocks`)
      return left
    }
    // The data may end with the message, with the message's empty block, or with ours.
    if (tailUsed !== 0 && tailUsed !== TAIL.length && tailUsed !== TAIL_AND_PROOF.length - 1) throw broken('it ends inside a block')
    return left.subarray(left.length)
  }

  #message (): Buffer {
    const message = joined(this.#chunks, this.#length)
    this.#chunks = []
    this.#length = 0
    return message
  }
}

function create (windowBits: number, chunkSize: number): ZlibContext {
  const options: ZlibOptions = { windowBits, flush: constants.Z_SYNC_FLUSH, chunkSize }
  return new ZlibContext(new InflateRaw(options))
}

/** What zlib says of faults in the data, not its own: the data is broken, or ends too early. */
const DATA_FAULTS: unknown[] = ['Z_DATA_ERROR', 'Z_BUF_ERROR']

/** A fault in the data is the peer's, and it is told. Any other error of zlib is ours. */
function toFault (error: Error & { code?: unknown }): Error {
  return DATA_FAULTS.includes(error.code) ? broken(error.message) : error
}

function broken (fault: string): ProtocolError {
  return new ProtocolError(CloseCode.INVALID_PAYLOAD, `a compressed message cannot be inflated: ${fault} (RFC 7692 section 7.2.2)`)
}
