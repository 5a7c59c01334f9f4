import { CloseCode } from '../contract/close-code.ts'
import { EMPTY } from './empty.ts'

/** The longest payload of a control frame, in bytes (RFC 6455 §5.5). */
export const MAX_CONTROL_PAYLOAD = 125

/** The longest close reason, in bytes: it shares the payload with a two-byte code. */
export const MAX_CLOSE_REASON = MAX_CONTROL_PAYLOAD - 2

/** Cuts a close reason to at most 123 bytes of UTF-8, never inside a character. */
export function truncateReason (reason: string): string {
  // A character takes at least one byte, so what follows this many of them cannot fit.
  const start = reason.slice(0, MAX_CLOSE_REASON + 1)
  if (Buffer.byteLength(start) <= MAX_CLOSE_REASON) return start
  const bytes = Buffer.from(start)
  let end = MAX_CLOSE_REASON
  // A byte 10xxxxxx continues a character: step back to where one begins.
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/**
 * The payload of a close frame (RFC 6455 §5.5.1), empty if the code is NO_STATUS. The reason must fit: see
 * `truncateReason`.
 */
export function closePayload (code: number, reason: string): Buffer {
  if (code === CloseCode.NO_STATUS) return EMPTY
  const payload = Buffer.allocUnsafe(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code, 0)
  payload.write(reason, 2)
  return payload
}
