/** A frame as read from the wire. Written from RFC 6455 §5.2, without looking at lib/. */
export interface WireFrame {
  fin: boolean
  rsv: number
  opcode: number
  masked: boolean
  payload: Buffer
  /** Bytes that the whole frame took. */
  size: number
}

export interface FrameOptions {
  fin?: boolean
  /** The three reserved bits as a number: RSV1 is 4. */
  rsv?: number
  masked?: boolean
  key?: number[]
  /** Writes the length in this many bytes (0, 2, 8) even where fewer would do. */
  lengthBytes?: 0 | 2 | 8
  /** Announces this length, in eight bytes, whatever the payload has. */
  announced?: bigint
}

/** The bytes of one frame. */
export function frame (opcode: number, payload: string | Uint8Array = '', options: FrameOptions = {}): Buffer {
  const { fin = true, rsv = 0, masked = false, key = [0x37, 0xfa, 0x21, 0x3d] } = options
  const body = Buffer.from(payload)
  const { announced = BigInt(body.length) } = options
  const lengthBytes = options.lengthBytes ?? (options.announced === undefined ? fewest(body.length) : 8)
  const header = [(fin ? 0x80 : 0) | (rsv << 4) | opcode]
  header.push((masked ? 0x80 : 0) | (lengthBytes === 0 ? body.length : lengthBytes === 2 ? 126 : 127))
  for (let i = lengthBytes - 1; i >= 0; i--) header.push(Number(announced >> BigInt(8 * i) & 0xffn))
  if (masked) {
    header.push(...key)
    for (let i = 0; i < body.length; i++) body[i]! ^= key[i % 4]!
  }
  return Buffer.concat([Buffer.from(header), body])
}

/** A masked frame, as a client sends it. */
export function masked (opcode: number, payload: string | Uint8Array = '', options: FrameOptions = {}): Buffer {
  return frame(opcode, payload, { ...options, masked: true })
}

/** The payload of a close frame. */
export function closeBody (code: number, reason: string | Uint8Array = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)])
}

/** How many bytes the length takes beside the second byte of the header, if no more than needed (RFC 6455 §5.2). */
export function fewest (length: number): 0 | 2 | 8 {
  return length < 126 ? 0 : length < 65536 ? 2 : 8
}

/** Where the payload of the frame at the start of the bytes begins and ends; null if its header is not all there. */
export function frameExtent (bytes: Buffer): { start: number, end: number } | null {
  if (bytes.length < 2) return null
  const short = bytes[1]! & 0x7f
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const start = 2 + lengthBytes + (bytes[1]! >= 0x80 ? 4 : 0)
  if (bytes.length < start) return null
  let length = short
  if (lengthBytes > 0) length = lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  return { start, end: start + length }
}

/** Reads one frame from the start of the bytes; null if they do not hold a whole one. */
export function readFrame (bytes: Buffer): WireFrame | null {
  const extent = frameExtent(bytes)
  if (extent === null || bytes.length < extent.end) return null
  const { start, end } = extent
  const isMasked = bytes[1]! >= 0x80
  const payload = Buffer.from(bytes.subarray(start, end))
  if (isMasked) for (let i = 0; i < payload.length; i++) payload[i]! ^= bytes[start - 4 + i % 4]!
  const byte = bytes[0]!
  return { fin: byte >= 0x80, rsv: byte >> 4 & 7, opcode: byte & 15, masked: isMasked, payload, size: end }
}
