import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { test } from 'tap'
import { FrameDecoder, type FrameSink, type Role } from '../../lib/protocol/frame-decoder.ts'
import { type Decompressor, MessageAssembler, type MessageSink } from '../../lib/protocol/message-assembler.ts'
import { splits } from '../support/splits.ts'

/**
 * One frame, as a server sends it: its header in hex, then its payload. For the server role the mask bit is set, a key
 * put in and the payload masked. Without a payload the bytes end inside the header; with less payload than the header
 * announces they end inside the frame.
 */
export type Piece = readonly [header: string, payload?: string | Uint8Array]

/** What a peer sends and what must come of it, however the transport cuts it. */
export interface Row {
  /** In plain English, with the section of RFC 6455. */
  name: string
  /** Frames for both roles. */
  wire?: readonly Piece[]
  /** Instead of `wire`: the bytes as they stand, for one role. */
  hex?: string
  role?: Role
  /** Everything that is handed on, in order. */
  expect?: string[]
  /** The close code and the beginning of the message. The last byte of the row, and none before it, is to blame. */
  fails?: string
  rsv1Allowed?: boolean
  maxPayload?: number
}

/** A decoder with something behind it that writes down what it is handed. */
export interface Reader {
  decoder: FrameDecoder
  /** Called at each thing handed on. */
  onEvent: () => void
  events: () => string[]
}

const KEYS = ['37fa213d', '00000000', 'ffffffff', '80017f02'].map(hex)

export function hex (digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex')
}

export function bytesOf (role: Role, wire: readonly Piece[]): Buffer {
  return Buffer.concat(wire.flatMap(([digits, payload], index) => {
    const header = hex(digits)
    const body = Buffer.from(payload ?? '')
    if (role === 'client') return [header, body]
    if (header.length > 1) header[1]! |= 0x80
    if (payload === undefined) return [header]
    const key = KEYS[index % KEYS.length]!
    for (let i = 0; i < body.length; i++) body[i]! ^= key[i % 4]!
    return [header, key, body]
  }))
}

const NAMES: Record<number, string> = { 0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' }

/** A decoder's frame in a line: `fin text 5: 48656c6c6f`; an incomplete one ends in dots. */
export function line (kind: string, payload: string | Uint8Array = '', announced?: number): string {
  const body = Buffer.from(payload)
  return `${kind} ${announced ?? body.length}: ${digest(body.toString('hex'))}${announced === undefined ? '' : '...'}`
}

export function text (wanted: string): string {
  return `text of ${Buffer.byteLength(wanted)} bytes: ${digest(wanted)}`
}

export function binary (wanted: Uint8Array): string {
  return `binary of ${wanted.length} bytes: ${digest(Buffer.from(wanted).toString('hex'))}`
}

/** A message that goes on as it came. */
export function compressed (kind: string, wanted: Uint8Array): string {
  return `compressed ${kind}, ${binary(wanted)}`
}

/** Keeps lines short enough to be read. */
function digest (whole: string): string {
  return whole.length <= 300 ? whole : `${whole.slice(0, 40)} sha1 ${createHash('sha1').update(whole).digest('hex')}`
}

export function frameReader (role: Role, row: Pick<Row, 'rsv1Allowed'> = {}): Reader {
  const frames: Array<{ kind: string, length: number, parts: Buffer[], complete: boolean }> = []
  const sink: FrameSink = {
    onFrame (fin, rsv1, opcode, length) {
      const kind = (fin ? 'fin ' : '') + (rsv1 ? 'rsv1 ' : '') + NAMES[opcode]
      frames.push({ kind, length, parts: [], complete: false })
      reader.onEvent()
    },
    onPayload (bytes, start, end) {
      if (start >= end) throw new Error('an empty part of a payload')
      frames.at(-1)!.parts.push(Buffer.from(bytes.subarray(start, end)))
      reader.onEvent()
    },
    onFrameEnd () {
      if (frames.at(-1)!.complete) throw new Error('the end of a frame that had ended')
      frames.at(-1)!.complete = true
      reader.onEvent()
    }
  }
  const reader: Reader = {
    decoder: new FrameDecoder(role, sink, row.rsv1Allowed),
    onEvent: () => {},
    events: () => frames.map(({ kind, length, parts, complete }) => {
      const payload = Buffer.concat(parts)
      if (complete && payload.length !== length) return `${kind} ended after ${payload.length} of ${length} bytes`
      return line(kind, payload, complete ? undefined : length)
    })
  }
  return reader
}

export function messageReader (role: Role, row: Pick<Row, 'maxPayload' | 'rsv1Allowed'> = {}): Reader {
  // Formatted at the end: what is handed on, and not only lent, must not change afterwards.
  const events: Array<() => string> = []
  const note = (event: () => string): void => {
    events.push(event)
    reader.onEvent()
  }
  // In place of the original: what there was to decompress, in words.
  let isOriginal = false
  const decompressor: Decompressor = {
    decompress (data) {
      isOriginal = true
      return Buffer.from(binary(data))
    }
  }
  const sink: MessageSink = {
    onText (message, byteLength) {
      if (isOriginal) note(() => `compressed text, ${message}`)
      else note(() => `text of ${byteLength} bytes: ${digest(message)}`)
      isOriginal = false
    },
    onBinary (data) {
      if (isOriginal) note(() => `compressed binary, ${data.toString()}`)
      else note(() => binary(data))
      isOriginal = false
    },
    onPing: payload => note(() => `ping ${payload.toString()}`),
    onPong: payload => note(() => `pong ${payload.toString()}`),
    onClose: (code, reason) => note(() => `close ${code} ${reason}`)
  }
  const reader: Reader = {
    decoder: new FrameDecoder(role, new MessageAssembler(sink, row.maxPayload ?? 1024 * 1024, decompressor), row.rsv1Allowed),
    onEvent: () => {},
    events: () => events.map(event => event())
  }
  return reader
}

export interface Verdict {
  events: string[]
  /** Close code and message. */
  error: string | null
  /** Chunks taken up to the error, or all. */
  taken: number
}

/** Feeds the chunks, whatever happens, and spoils each once the decoder is done with it. */
export function feed (reader: Reader, chunks: Buffer[], pausing: boolean): Verdict {
  let error: string | null = null
  let taken = 0
  if (pausing) reader.onEvent = () => reader.decoder.pause()
  for (const chunk of chunks) {
    if (error === null) taken++
    try {
      reader.decoder.push(chunk)
      while (reader.decoder.pending) reader.decoder.resume()
    } catch (thrown) {
      const { closeCode, message } = thrown as Error & { closeCode?: number }
      error = `${error === null ? '' : `${error}, then `}${closeCode} ${message}`
    }
    chunk.fill(0xaa)
  }
  return { events: reader.events(), error, taken }
}

/** A test for each row: in both roles, cut in many ways, read in one go and with a pause at everything handed on. */
export function checkRows (rows: readonly Row[], open: (role: Role, row: Row) => Reader): void {
  for (const row of rows) {
    test(row.name, async t => {
      for (const role of row.role === undefined ? ['server', 'client'] as const : [row.role]) {
        const bytes = row.hex === undefined ? bytesOf(role, row.wire!) : hex(row.hex)
        const reader = (): Reader => open(role, row)
        t.same(mistakes(row, bytes, reader, bytes.length), [], role)
        if (row.fails === undefined) continue
        const more = bytesOf(role, Array.from({ length: 30 }, () => ['89 00', ''] as const))
        t.same(mistakes(row, Buffer.concat([bytes, more]), reader, bytes.length), [], `${role}, more after it`)
      }
    })
  }
}

/**
 * Every way to cut the bytes that does not come to what the row says.
 *
 * @param decisive how many of the bytes it takes
 */
function mistakes (row: Row, bytes: Buffer, open: () => Reader, decisive: number): object[] {
  const found: object[] = []
  const { expect = [], fails = null } = row
  for (const { name, chunks } of splits(bytes)) {
    for (const pausing of [false, true]) {
      const verdict = feed(open(), chunks.map(chunk => Buffer.from(chunk)), pausing)
      const right = isDeepStrictEqual(verdict.events, expect) &&
        (fails === null ? verdict.error === null : verdict.error?.startsWith(fails)) &&
        (name !== 'byte by byte' || verdict.taken === decisive)
      if (!right) found.push({ cut: name, pausing, ...verdict, wanted: { expect, fails, decisive } })
    }
  }
  return found
}
