/** One frame of a stream, read without judging it. */
export interface Part {
  start: number
  /** Index after the frame, or the end of the stream. */
  end: number
  fin: boolean
  rsv1: boolean
  opcode: number
  masked: boolean
  /** Bytes of the extended length: 0, 2 or 8. */
  lengthBytes: number
  /** As announced; NaN while its bytes are not all there. */
  length: number
  /** Index after the extended length. */
  lengthEnd: number
  /** Unmasked, as much as there is. */
  payload: Buffer
  complete: boolean
}

/** All frames of a stream; the last one may be incomplete. */
export function anatomy (bytes: Buffer): Part[] {
  const parts: Part[] = []
  for (let at = 0; at < bytes.length; at = parts.at(-1)!.end) parts.push(readPart(bytes, at))
  return parts
}

function readPart (bytes: Buffer, start: number): Part {
  const second = bytes[start + 1] ?? 0
  const masked = second >= 0x80
  const short = second & 0x7f
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const lengthEnd = start + 2 + lengthBytes
  const length = lengthEnd > bytes.length ? NaN : lengthBytes === 0 ? short : readNumber(bytes, start + 2, lengthEnd)
  const body = lengthEnd + (masked ? 4 : 0)
  const whole = body + length
  const end = whole <= bytes.length ? whole : bytes.length
  const payload = Buffer.from(bytes.subarray(body, end))
  if (masked) for (let i = 0; i < payload.length; i++) payload[i]! ^= bytes[lengthEnd + i % 4]!
  const first = bytes[start]!
  return {
    start,
    end,
    fin: first >= 0x80,
    rsv1: (first & 0x40) !== 0,
    opcode: first & 15,
    masked,
    lengthBytes,
    length,
    lengthEnd,
    payload,
    complete: whole <= bytes.length
  }
}

function readNumber (bytes: Buffer, start: number, end: number): number {
  let number = 0
  for (let i = start; i < end; i++) number = number * 256 + bytes[i]!
  return number
}

/** The payload so far of the data message in progress at the end of the stream; null if there is none. */
export function unfinishedMessage (bytes: Buffer): { opcode: number, payload: Buffer } | null {
  const data = anatomy(bytes).filter(part => part.opcode < 8)
  const first = data.findLastIndex(part => part.opcode !== 0)
  if (first === -1) return null
  return { opcode: data[first]!.opcode, payload: Buffer.concat(data.slice(first).map(part => part.payload)) }
}
