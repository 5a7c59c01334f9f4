import {
  constants, createDeflateRaw, type DeflateRaw, deflateRawSync, inflateRawSync, type ZlibOptions
} from 'node:zlib'
import { masked, type WireFrame } from './frames.ts'

/** The header of a client that takes whatever the server says. */
export const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }

/** RFC 7692 §7.2.1: what a sender cuts off the end of a message. */
export const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff])

/** The reserved bits of a compressed message's first frame (RFC 7692 §6). */
export const RSV1 = 4

/** The payload of a compressed message that refers to no other (RFC 7692 §7.2.1). */
export function deflate (message: string | Uint8Array, options: ZlibOptions = {}): Buffer {
  return deflateRawSync(message, { ...options, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -TAIL.length)
}

/** The message that such a payload stands for (RFC 7692 §7.2.2). */
export function inflate (payload: Uint8Array, options: ZlibOptions = {}): Buffer {
  return inflateRawSync(Buffer.concat([payload, TAIL]), { ...options, finishFlush: constants.Z_SYNC_FLUSH })
}

/** A compressed message of a client, in one frame. */
export function compressed (opcode: number, message: string | Uint8Array): Buffer {
  return masked(opcode, deflate(message), { rsv: RSV1 })
}

/** The message of a frame that may be compressed. */
export function original ({ rsv, payload }: WireFrame): Buffer {
  return rsv === RSV1 ? inflate(payload) : payload
}

/** A peer that compresses with node:zlib, with or without context takeover. */
export class PeerDeflater {
  readonly #options: ZlibOptions
  readonly #takeover: boolean
  #zlib: DeflateRaw | null = null

  constructor (options: ZlibOptions = {}, takeover = true) {
    this.#options = options
    this.#takeover = takeover
  }

  async deflate (message: Uint8Array): Promise<Buffer> {
    const zlib = this.#zlib ??= createDeflateRaw(this.#options)
    const chunks: Buffer[] = []
    zlib.on('data', chunk => { chunks.push(chunk) })
    zlib.write(message)
    await new Promise<void>(resolve => { zlib.flush(constants.Z_SYNC_FLUSH, resolve) })
    zlib.removeAllListeners('data')
    if (!this.#takeover) this.close()
    return Buffer.concat(chunks).subarray(0, -TAIL.length)
  }

  /**
   * In so many parts, each with a final block of its own, behind which nothing refers to what was before
   * (RFC 7692 §7.2.3.4).
   *
   * @param open whether an empty block follows, without its tail, as the RFC has it
   */
  finished (message: Buffer, parts: number, open: boolean): Buffer {
    this.close()
    const length = Math.ceil(message.length / parts)
    const blocks = Array.from({ length: parts }, (_, i) =>
      deflateRawSync(message.subarray(i * length, (i + 1) * length), this.#options))
    return Buffer.concat(open ? [...blocks, Buffer.from([0])] : blocks)
  }

  close (): void {
    this.#zlib?.close()
    this.#zlib = null
  }
}

/**
 * All messages together, inflated by node:zlib with a window of exactly so many bits: what is written piece by piece
 * must be found in the window, not in the output.
 */
export function inflateStrictly (payloads: readonly Uint8Array[], windowBits = 15): Buffer {
  const data = Buffer.concat(payloads.flatMap(payload => payload.length === 0 ? [] : [payload, TAIL]))
  return inflateRawSync(data, { windowBits, chunkSize: constants.Z_MIN_CHUNK, finishFlush: constants.Z_SYNC_FLUSH })
}
