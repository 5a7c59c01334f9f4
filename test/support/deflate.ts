import { constants, deflateRawSync, inflateRawSync, type ZlibOptions } from 'node:zlib'
import { masked, type WireFrame } from './frames.ts'

/** The header of a client that takes whatever the server says. */
export const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }

const RSV1 = 4

/** The payload of a compressed message that refers to no other (RFC 7692 §7.2.1). */
export function deflate (message: string | Uint8Array, options: ZlibOptions = {}): Buffer {
  const flushed = deflateRawSync(message, { ...options, finishFlush: constants.Z_SYNC_FLUSH })
  return flushed.subarray(0, -4)
}

/** The message that such a payload stands for (RFC 7692 §7.2.2). */
export function inflate (payload: Uint8Array, options: ZlibOptions = {}): Buffer {
  return inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), {
    ...options, finishFlush: constants.Z_SYNC_FLUSH
  })
}

/** A compressed message of a client, in one frame. */
export function compressed (opcode: number, message: string | Uint8Array): Buffer {
  return masked(opcode, deflate(message), { rsv: RSV1 })
}

/** The message of a frame that may be compressed. */
export function original ({ rsv, payload }: WireFrame): Buffer {
  return rsv === RSV1 ? inflate(payload) : payload
}
