/** Frames of HTTP/2 (RFC 9113 §4, §6) as a client of WebSockets sends them. */

export const DATA = 0
export const HEADERS = 1
export const RST_STREAM = 3
export const SETTINGS = 4
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const END_STREAM = 1
export const ACK = 1
const END_HEADERS = 4
export const PADDED = 8
export const INITIAL_WINDOW_SIZE = 4
/** RFC 8441 §3 */
export const ENABLE_CONNECT_PROTOCOL = 8
export const HEADER_BYTES = 9
/** What every server takes (§4.2). */
export const LONGEST_FRAME = 16384
const NOTHING = Buffer.alloc(0)

export function frame (type: number, flags: number, id: number, payload: Buffer = NOTHING): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  putHeader(header, 0, payload.length, type, flags, id)
  return Buffer.concat([header, payload])
}

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
  return frame(SETTINGS, 0, 0, payload)
}

/** Lets the server send so many bytes more, on all streams together. */
export function windowUpdate (increment: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(increment)
  return frame(WINDOW_UPDATE, 0, 0, payload)
}

/** A field that no table is to keep (RFC 7541 §6.2.2), without Huffman code; shorter than 127 bytes. */
function field (name: string, value: string): string {
  return `\0${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`
}

/** RFC 8441 §4 */
export function extendedConnect (id: number, scheme: 'http' | 'https'): Buffer {
  const fields = [
    field(':method', 'CONNECT'), field(':protocol', 'websocket'), field(':scheme', scheme), field(':path', '/'),
    field(':authority', 'localhost'), field('sec-websocket-version', '13')
  ]
  return frame(HEADERS, END_HEADERS, id, Buffer.from(fields.join(''), 'latin1'))
}
