/** Frame opcodes (RFC 6455 §5.2, §11.8). */
export const CONTINUATION = 0x0
export const TEXT = 0x1
export const BINARY = 0x2
export const CLOSE = 0x8
export const PING = 0x9
export const PONG = 0xa

/** Control frames are those whose opcode has its top bit set (RFC 6455 §5.5). */
export function isControl (opcode: number): boolean {
  return (opcode & 0x8) !== 0
}

export function isKnown (opcode: number): boolean {
  return opcode <= BINARY || (opcode >= CLOSE && opcode <= PONG)
}
