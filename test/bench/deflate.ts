/* RFC 7692 on the client's side of the benchmark, without looking at lib/. */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'

/** What browsers offer. */
export const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }
export const RSV1 = 4

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff])

/**
 * The window that the client may use.
 * @param extensions of the 101, which must have agreed
 */
export function agreedWindowBits (extensions: string | undefined): number {
  if (!extensions?.startsWith('permessage-deflate')) throw new Error(`no agreement on compression: ${extensions}`)
  return Number(/client_max_window_bits="?(\d+)/.exec(extensions)?.[1] ?? 15)
}

/** §7.2.1, from a fresh context: that is allowed whatever was agreed. */
export function deflate (text: string, windowBits: number): Buffer {
  return deflateRawSync(text, { windowBits, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -TAIL.length)
}

/** §7.2.2 for all messages of a connection at once: right with and without context takeover. */
export function inflateAll (payloads: Buffer[]): string {
  const stream = Buffer.concat(payloads.flatMap(payload => [payload, TAIL]))
  return inflateRawSync(stream, { finishFlush: constants.Z_SYNC_FLUSH }).toString()
}
