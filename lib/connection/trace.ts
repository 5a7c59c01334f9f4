import { debuglog } from 'node:util'
import type { FrameSink } from '../protocol/frame-decoder.ts'
import { RSV1 } from '../protocol/frame-encoder.ts'
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } from '../protocol/opcode.ts'

const log = debuglog('fastify-sockets')

const NAMES: Record<number, string> = {
  [CONTINUATION]: 'CONTINUATION', [TEXT]: 'TEXT', [BINARY]: 'BINARY', [CLOSE]: 'CLOSE', [PING]: 'PING', [PONG]: 'PONG'
}

let connections = 0

/**
 * Prints a line for each frame of a connection, in either direction, but never its content: `< TEXT 12 B fin`,
 * `> CLOSE 1000`. Received frames pass through it.
 */
export class Trace implements FrameSink {
  readonly #id = ++connections
  readonly #next: FrameSink
  /** The payload of the close frame that is arriving, or null. */
  #close: Buffer[] | null = null

  constructor (next: FrameSink) {
    this.#next = next
  }

  onFrame (fin: boolean, rsv1: boolean, opcode: number, length: number): void {
    this.#close = opcode === CLOSE ? [] : null
    if (this.#close === null) this.#print('<', opcode, `${length} B${rsv1 ? ' deflated' : ''}${fin ? ' fin' : ''}`)
    this.#next.onFrame(fin, rsv1, opcode, length)
  }

  onPayload (bytes: Buffer, start: number, end: number): void {
    this.#close?.push(Buffer.from(bytes.subarray(start, end)))
    this.#next.onPayload(bytes, start, end)
  }

  onFrameEnd (): void {
    if (this.#close !== null) this.#print('<', CLOSE, codeOf(Buffer.concat(this.#close)))
    this.#next.onFrameEnd()
  }

  /** @param opcode with RSV1 added for a compressed message */
  sent (opcode: number, payload: Uint8Array | string): void {
    const deflated = (opcode & RSV1) !== 0
    const plain = opcode & ~RSV1
    if (plain === CLOSE) this.#print('>', CLOSE, codeOf(Buffer.from(payload as Uint8Array)))
    else this.#print('>', plain, `${Buffer.byteLength(payload)} B${deflated ? ' deflated' : ''} fin`)
  }

  /** @param frame whole and unmasked */
  sentFrame (frame: Buffer): void {
    const form = frame[1]!
    this.sent(frame[0]! & 0x7f, frame.subarray(form < 126 ? 2 : form === 126 ? 4 : 10))
  }

  #print (direction: '<' | '>', opcode: number, text: string): void {
    log('%d %s %s %s', this.#id, direction, NAMES[opcode], text)
  }
}

/** Goes between the decoder and the assembler with `NODE_DEBUG=fastify-sockets`; null without. */
export function trace (next: FrameSink): Trace | null {
  return log.enabled ? new Trace(next) : null
}

function codeOf (payload: Buffer): string {
  return payload.length < 2 ? 'without a code' : String(payload.readUInt16BE())
}
