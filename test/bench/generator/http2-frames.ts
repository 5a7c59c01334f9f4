/** What a client of WebSockets sends of HTTP/2. */
import {
  connectFields, END_HEADERS, headerBlock, HEADERS, http2Frame, SETTINGS, uint32, WINDOW_UPDATE
} from '../../support/http2-frames.ts'

/** What every server takes (RFC 9113 §4.2). */
export const LONGEST_FRAME = 16384

export function putHeader (
  bytes: Buffer, at: number, length: number, type: number, flags: number, id: number
): void {
  bytes[at] = length >> 16
  bytes[at + 1] = length >> 8
  bytes[at + 2] = length
  bytes[at + 3] = type
  bytes[at + 4] = flags
  bytes.writeUInt32BE(id, at + 5)
}

/** The connection's settings, here only one of them. */
export function settings (id: number, value: number): Buffer {
  const payload = Buffer.alloc(6)
  payload.writeUInt16BE(id)
  payload.writeUInt32BE(value, 2)
  return http2Frame(SETTINGS, 0, 0, payload)
}

/** Lets the server send so many bytes more, on all streams together. */
export function windowUpdate (increment: number): Buffer {
  return http2Frame(WINDOW_UPDATE, 0, 0, uint32(increment))
}

/** RFC 8441 §4 */
export function extendedConnect (id: number, scheme: 'http' | 'https'): Buffer {
  return http2Frame(HEADERS, END_HEADERS, id, headerBlock(connectFields('/', { ':scheme': scheme })))
}
