/* Frames of HTTP/2 (RFC 9113 §4, §6), written by hand. */

export const DATA = 0
export const HEADERS = 1
export const RST_STREAM = 3
export const SETTINGS = 4
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9

export const END_STREAM = 1
export const ACK = 1
export const END_HEADERS = 4
export const PADDED = 8

export const INITIAL_WINDOW_SIZE = 4
/** RFC 8441 §3 */
export const ENABLE_CONNECT_PROTOCOL = 8

export const HEADER_BYTES = 9

/** What a client sends first (RFC 9113 §3.4). */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export function http2Frame (type: number, flags: number, id: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(id, 5)
  return Buffer.concat([header, payload])
}

/** A frame of HTTP/2 (RFC 9113 §4.1). */
export interface Http2Frame {
  type: number
  flags: number
  id: number
  payload: Buffer
}

/** The whole frames that bytes begin with, and what is behind them. */
export function http2FramesIn (bytes: Buffer<ArrayBuffer>): { frames: Http2Frame[], rest: Buffer<ArrayBuffer> } {
  const frames: Http2Frame[] = []
  let rest = bytes
  while (rest.length >= HEADER_BYTES) {
    const end = HEADER_BYTES + rest.readUIntBE(0, 3)
    if (rest.length < end) break
    frames.push({ type: rest[3]!, flags: rest[4]!, id: rest.readUInt32BE(5), payload: rest.subarray(HEADER_BYTES, end) })
    rest = rest.subarray(end)
  }
  return { frames, rest }
}

export function uint32 (value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export type Fields = Array<[name: string, value: string]>

/** A header block that needs no table: each field is a literal with its name (RFC 7541 §6.2.2). */
export function headerBlock (fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), hpackString(name), hpackString(value)]))
}

function hpackString (text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest >>= 7) length.push(rest & 127 | 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

/** The header fields of RFC 8441 §5; null leaves one out. */
export function connectFields (path: string, others: Record<string, string | null> = {}, more: Fields = []): Fields {
  const fields: Record<string, string | null> = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'localhost',
    'sec-websocket-version': '13',
    ...others
  }
  return [...Object.entries(fields).filter(([, value]) => value !== null) as Fields, ...more]
}
