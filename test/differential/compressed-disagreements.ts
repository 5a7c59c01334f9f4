import { constants, inflateRawSync, type ZlibOptions } from 'node:zlib'
import { decodeCompressed, type Outcome } from '../support/decode.ts'
import { deflate } from '../support/deflate.ts'
import { TAIL } from '../support/deflate.ts'
import { frame } from '../support/frames.ts'
import { anatomy, type Part } from './anatomy.ts'
import type { CompressedStream } from './compressed-streams.ts'
import { agreeing } from './disagreements.ts'
import { receiveCompressed } from './ws-receiver.ts'

/** A compressed message of a stream. */
interface Message {
  parts: Part[]
  payload: Buffer
}

/** Another stream; `same`: it says the same, and ours must come to the same with it. */
interface Changed {
  stream: CompressedStream
  same: boolean
}

interface Ends {
  ours: Outcome
  theirs: Outcome
}

/** A difference that is known, and which of the two the RFCs bear out. */
export interface CompressedRow {
  id: string
  ours: string
  theirs: string
  rule: string
  /**
   * The stream with every message that can make the difference taken out, or put in a form that cannot; null: there is
   * none. The row explains a disagreement if there is none in that stream, or one that another row explains.
   */
  without: (stream: CompressedStream, ends: Ends) => Changed | null
}

const RSV1 = 4
const ROOM_FOR_ALL = 8 * 1024 * 1024
/** A final block that is empty, and a byte that must then be left. */
const PROOF = Buffer.from([0x01, 0x00, 0x00, 0xff, 0xff, 0x00])

export const COMPRESSED_ROWS: readonly CompressedRow[] = [
  {
    id: 'fragments of a compressed message',
    ours: 'inflates the message when it is complete',
    theirs: 'inflates each fragment: 1007 and 1009 come before the message is complete',
    rule: 'RFC 7692 §6.2: the payloads of all frames are put together, then inflated',
    without: stream => changed(stream, message => message.parts.length > 1, message => {
      const [first, ...rest] = message.parts
      const isWhole = rest.at(-1)!.fin && rest.every(part => part.complete && !part.rsv1)
      return { bytes: compressedFrame(first!, message.payload), same: isWhole }
    })
  },
  {
    id: 'compressed to more than maxPayload',
    ours: 'inflates what is not much larger than the message may be',
    theirs: '1009, though the message itself may be small enough',
    rule: 'limits are the endpoint’s own (RFC 6455 §10.4)',
    without: stream => {
      const largest = Math.max(0, ...messagesOf(stream.bytes).map(({ payload }) => payload.length))
      return largest > stream.maxPayload ? withRoom(stream) : null
    }
  },
  {
    id: 'too large and broken',
    ours: '1007 or 1009, whichever it meets first, some KiB at a time',
    theirs: '1007 or 1009, whichever it meets first, in other steps',
    rule: 'RFC 6455 §7.4.1 has a code for each and no order',
    without: (stream, { ours, theirs }) => {
      const either = Math.min(ours.code, theirs.code) === 1007 && Math.max(ours.code, theirs.code) === 1009
      return either && stream.maxPayload < ROOM_FOR_ALL ? withRoom(stream) : null
    }
  },
  {
    id: 'compressed to nothing',
    ours: 'an empty message',
    theirs: 'an empty message; the next one of the context then begins inside of a block',
    rule: 'RFC 7692 §7.2.3.6 has a byte for it; §7.2.2 alone does not say what a missing block is',
    without: stream => changed(stream, message => message.payload.length === 0, ({ parts }) => {
      // With context takeover the one before may have been cut short.
      const same = parts.length === 1 && !stream.direction.contextTakeover
      return { bytes: compressedFrame(parts[0]!, deflate('')), same }
    })
  },
  {
    id: 'final block',
    ours: 'goes on behind it, up to 16 times in a message',
    theirs: 'leaves out what is behind it in the message',
    rule: 'RFC 7692 §7.2.1: blocks may be of any type; §7.2.3.4 has blocks behind a final one',
    without: stream => {
      const starts = finished(stream)
      return changed(stream, ({ parts }) => starts.has(parts[0]!.start), ({ parts, payload }) => {
        const content = parts.length === 1 ? inflateAll(stream, payload) : null
        return content === null ? GONE : { bytes: compressedFrame(parts[0]!, deflate(content)), same: true }
      })
    }
  },
  {
    id: 'end inside of a block',
    ours: '1007 without context takeover',
    theirs: 'hands on what there is',
    rule: 'RFC 7692 §7.2.1: a message ends with an empty block, of which the tail is cut off',
    without: stream => stream.direction.contextTakeover ? null : changed(stream, message => isCutShort(stream, message))
  }
]

/** Both on the same stream. */
export async function compressedEnds (
  stream: CompressedStream, chunks: Buffer[] = [stream.bytes]
): Promise<Ends> {
  const { role, direction, maxPayload } = stream
  const [ours, theirs] = await Promise.all([
    decodeCompressed(role, chunks, direction, { maxPayload }), receiveCompressed(role, chunks, direction, maxPayload)
  ])
  return { ours, theirs }
}

/** The row that explains why the two disagree on the stream; null: none does. */
export async function explainCompressed (stream: CompressedStream, ends: Ends): Promise<CompressedRow | null> {
  for (const row of COMPRESSED_ROWS) {
    const other = row.without(stream, ends)
    if (other === null) continue
    const otherEnds = await compressedEnds(other.stream)
    if (other.same && !agreeing(ends.ours, otherEnds.ours)) continue
    const agree = agreeing(otherEnds.ours, otherEnds.theirs)
    if (agree || await explainCompressed(other.stream, otherEnds) !== null) return row
  }
  return null
}

function messagesOf (bytes: Buffer): Message[] {
  const messages: Message[] = []
  let current: Message | null = null
  for (const part of anatomy(bytes).filter(({ opcode }) => opcode < 8)) {
    if (part.opcode !== 0) {
      current = part.rsv1 ? { parts: [], payload: Buffer.alloc(0) } : null
      if (current !== null) messages.push(current)
    }
    current?.parts.push(part)
  }
  for (const message of messages) message.payload = Buffer.concat(message.parts.map(({ payload }) => payload))
  return messages
}

/** What stands in the place of a message; `same`: a message that says the same. */
interface Instead {
  bytes: Buffer
  same: boolean
}

const GONE: Instead = { bytes: Buffer.alloc(0), same: false }

/** The stream with other bytes in the place of some messages; null: there are none of these. */
function changed (
  stream: CompressedStream, which: (message: Message) => boolean, instead: (message: Message) => Instead = () => GONE
): Changed | null {
  const { bytes } = stream
  const chosen = messagesOf(bytes).filter(which)
  if (chosen.length === 0) return null
  const places = new Map<number, Buffer>()
  let same = true
  for (const message of chosen) {
    const other = instead(message)
    same &&= other.same
    for (const part of message.parts) places.set(part.start, GONE.bytes)
    places.set(message.parts.at(-1)!.start, other.bytes)
  }
  const parts = anatomy(bytes).map(({ start, end }) => places.get(start) ?? bytes.subarray(start, end))
  return { stream: { ...stream, bytes: Buffer.concat(parts) }, same }
}

function withRoom (stream: CompressedStream): Changed {
  return { stream: { ...stream, maxPayload: ROOM_FOR_ALL }, same: false }
}

function compressedFrame ({ opcode, masked }: Part, payload: Buffer): Buffer {
  return frame(opcode, payload, { rsv: RSV1, masked })
}

/** What the last block leaves of the tail and the proof: it needed both, the tail, or none. */
const ENDS = [1, PROOF.length, TAIL.length + PROOF.length]

/** What a message with up to 16 final blocks says; null: it is broken, or what it refers to is not known here. */
function inflateAll ({ direction: { contextTakeover, windowBits } }: CompressedStream, payload: Buffer): Buffer | null {
  if (contextTakeover) return null
  const parts: Buffer[] = []
  const options = { windowBits, info: true, finishFlush: constants.Z_SYNC_FLUSH }
  let rest = Buffer.concat([payload, TAIL, PROOF])
  try {
    for (let count = 0; !ENDS.includes(rest.length); count++) {
      if (count > 16) return null
      const { buffer, engine } = inflateRawSync(rest, options) as unknown as Inflated
      parts.push(buffer)
      rest = rest.subarray(engine.bytesWritten)
    }
  } catch {
    return null
  }
  return Buffer.concat(parts)
}

/** With the option `info`. */
interface Inflated {
  buffer: Buffer
  engine: { bytesWritten: number }
}

/** Bytes that zlib takes before it meets the end of the compressed data; -1: the data is broken. */
function taken ({ direction }: CompressedStream, data: Buffer): number {
  const options: ZlibOptions = { info: true, finishFlush: constants.Z_SYNC_FLUSH }
  // Which blocks there are does not depend on what they refer to.
  if (direction.contextTakeover) options.dictionary = Buffer.alloc(32 * 1024)
  else options.windowBits = direction.windowBits
  try {
    const { engine } = inflateRawSync(data, options) as unknown as Inflated
    return engine.bytesWritten
  } catch {
    return -1
  }
}

/** Where each message with a final block begins. */
function finished (stream: CompressedStream): Set<number> {
  const found = new Set<number>()
  /** What the context has seen since it began: a message that was cut short goes on in the next. */
  let before = Buffer.alloc(0)
  for (const { parts, payload } of messagesOf(stream.bytes)) {
    const data = Buffer.concat([before, payload, TAIL])
    // One byte more than the message has: what has ended with the last of its own leaves it.
    const used = taken(stream, Buffer.concat([data, Buffer.alloc(1)]))
    const isFinished = used !== -1 && used <= data.length
    if (isFinished) found.add(parts[0]!.start)
    before = isFinished || !stream.direction.contextTakeover ? Buffer.alloc(0) : data
  }
  return found
}

/** Neither broken nor ended by a final block, and yet not at the end of a block. */
function isCutShort (stream: CompressedStream, { payload }: Message): boolean {
  const data = Buffer.concat([payload, TAIL])
  const proven = Buffer.concat([data, PROOF])
  return taken(stream, data) === data.length && taken(stream, proven) !== proven.length - 1
}
