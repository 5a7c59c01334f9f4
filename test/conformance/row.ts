import { closeBody, type FrameOptions, frame } from '../support/frames.ts'
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } from '../support/opcodes.ts'

/*
 * A row is one case: what the peer sends, and everything that must come back. The ids follow the groups of the
 * well-known public conformance suite for WebSockets, case for case; the rows are written from RFC 6455 and RFC 7692.
 */

/** A frame that the peer sends, or a part of one. */
export interface Sent extends Omit<FrameOptions, 'masked'> {
  opcode: number
  payload: Buffer
  /** Masked by a server, not masked by a client. */
  wronglyMasked?: boolean
  /** Only these bytes of the payload are sent; the header goes with the first, and announces them all. */
  from?: number
  to?: number
}

/** Before it sends on, the peer waits until this many frames in all have come back. */
export interface Wait {
  wait: number
}

/** Before it sends on, the peer waits until all has been read; just this many frames may have come back by then. */
export interface Silence {
  silence: number
}

export type Step = Sent | Wait | Silence

/** A frame that must come back. */
export interface Answer {
  opcode: number
  /** Of a close frame only the code counts: 1005 for none. */
  payload: Buffer
  code?: number
  /** A close frame that no close frame of the peer led to: then the endpoint ends the connection by itself. */
  failed?: boolean
}

export interface Row {
  id: string
  /** In plain English. */
  name: string
  /** Such as `RFC 6455 §5.5`. */
  rfc: string
  peer: readonly Step[]
  /** In order, and nothing else. Without a close frame among them the peer closes with 1000 in the end. */
  answers: readonly Answer[]
  /** The only way in which the transport cuts the bytes: frame by frame or in pieces of so many bytes. */
  cut?: 'frames' | number
  /** The largest message that the endpoint takes is 1000 bytes. */
  limited?: boolean
  /** The endpoint compresses, with its default options or with context takeover; the offer has no parameters. */
  deflate?: 'default' | 'takeover'
}

type Data = string | Uint8Array

/** Without a copy: payloads are large, and many rows share them. */
function bytesOf (data: Data): Buffer {
  return typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.length)
}

type SentOptions = Omit<Sent, 'opcode' | 'payload'>

export function sent (opcode: number, payload: Data = '', options: SentOptions = {}): Sent {
  return { opcode, payload: bytesOf(payload), ...options }
}

export const text = (payload: Data = '', options: SentOptions = {}): Sent => sent(TEXT, payload, options)
export const binary = (payload: Data = '', options: SentOptions = {}): Sent => sent(BINARY, payload, options)
export const ping = (payload: Data = '', options: SentOptions = {}): Sent => sent(PING, payload, options)
export const pong = (payload: Data = '', options: SentOptions = {}): Sent => sent(PONG, payload, options)

/** A continuation frame, the last of its message. */
export const last = (payload: Data = ''): Sent => sent(CONTINUATION, payload)
/** A continuation frame with more to follow. */
export const more = (payload: Data = ''): Sent => sent(CONTINUATION, payload, { fin: false })

export function close (code?: number, reason: Data = ''): Sent {
  return sent(CLOSE, code === undefined ? '' : closeBody(code, reason))
}

/** The first frame of a message that goes on. */
export function first (opcode: number, payload: Data = ''): Sent {
  return sent(opcode, payload, { fin: false })
}

/** A message in fragments. */
export function fragments (opcode: number, parts: readonly Data[]): Sent[] {
  const final = parts.length - 1
  return parts.map((part, index) => sent(index === 0 ? opcode : CONTINUATION, part, { fin: index === final }))
}

/** The bytes in parts of a size. */
export function parts (payload: Data, size: number): Buffer[] {
  const bytes = bytesOf(payload)
  const count = Math.ceil(bytes.length / size)
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
}

export const wait = (answers: number): Wait => ({ wait: answers })
export const silence = (answers = 0): Silence => ({ silence: answers })

export const textBack = (payload: Data = ''): Answer => ({ opcode: TEXT, payload: bytesOf(payload) })
export const binaryBack = (payload: Data = ''): Answer => ({ opcode: BINARY, payload: bytesOf(payload) })
export const pongBack = (payload: Data = ''): Answer => ({ opcode: PONG, payload: bytesOf(payload) })
/** The answer to the peer's close frame. */
export const closed = (code: number): Answer => ({ opcode: CLOSE, payload: Buffer.alloc(0), code })
/** The close frame that follows a violation. */
export const failed = (code: number): Answer => ({ opcode: CLOSE, payload: Buffer.alloc(0), code, failed: true })

/** The bytes of a step on the wire. */
export function encode (step: Sent, masked: boolean): Buffer {
  const { opcode, payload, from = 0, to = payload.length, wronglyMasked = false, ...options } = step
  const bytes = frame(opcode, payload, { ...options, masked: masked !== wronglyMasked })
  const header = bytes.length - payload.length
  return bytes.subarray(from === 0 ? 0 : header + from, header + to)
}

/** So many bytes of text in which characters of two, three and four bytes lie across every cut at a multiple of 16. */
export function sampleText (bytes: number): string {
  const block = 'κόσμε 😀'
  return bytes < 32 ? 'x'.repeat(bytes) : `x${block.repeat(Math.floor(bytes / 16) - 1)}${'y'.repeat(15 + bytes % 16)}`
}

/** So many bytes that do not repeat soon. */
export function sampleBytes (bytes: number): Buffer {
  const data = Buffer.allocUnsafe(bytes)
  for (let i = 0, state = 1; i < bytes; i++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0
    data[i] = state >>> 24
  }
  return data
}
