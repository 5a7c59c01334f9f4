import { decode, type Outcome } from '../support/decode.ts'
import { frame } from '../support/frames.ts'
import { firstInvalid } from '../support/utf8.ts'
import { anatomy, type Part, unfinishedMessage } from './anatomy.ts'
import type { Stream } from './streams.ts'
import { receive } from './ws-receiver.ts'

/** One stream on which the two came to different ends. */
export interface Disagreement {
  stream: Stream
  ours: Outcome
  theirs: Outcome
}

/** A difference that is known, and which of the two RFC 6455 bears out. */
export interface Row {
  id: string
  ours: string
  theirs: string
  rule: string
  /**
   * Says yes only where this difference is the whole of it: most rows take it out of the stream, or complete what is
   * missing, and look whether the two agree then.
   */
  explains: (one: Disagreement) => boolean
}

export const ROWS: readonly Row[] = [
  {
    id: 'first byte',
    ours: '1002 at the first byte of a header',
    theirs: 'waits for the second byte',
    rule: '§7.1.7 lets an endpoint fail the connection as soon as the violation is there',
    explains: ({ stream, ours, theirs }) => {
      const last = lastFrame(stream)
      return sameEvents(ours, theirs) && ours.code === 1002 && isOpen(theirs) && last.end - last.start === 1 &&
        agree(longer(stream, [stream.role === 'server' ? 0x80 : 0]), 1002, ours.message)
    }
  },
  {
    id: 'order of fragments',
    ours: 'judges the order of fragments when the length of the frame has been read',
    theirs: '1002 at the second byte',
    rule: '§5.4; nothing of the payload is taken in either case',
    explains: ({ stream, ours, theirs }) => {
      const last = lastFrame(stream)
      if (!sameEvents(ours, theirs) || !isOpen(ours) || theirs.code !== 1002) return false
      const isInLength = last.end - last.start >= 2 && last.end < last.lengthEnd
      const short = [stream.bytes[last.start]!, last.masked ? 0x80 : 0]
      return isInLength && last.opcode < 8 &&
        agree(withHeader(stream, last, short), 1002, /continuation frame with no message|new message before/)
    }
  },
  {
    id: 'close payload of one byte',
    ours: '1002 when the frame is complete',
    theirs: '1002 at its length',
    rule: '§5.5.1',
    explains: ({ stream, ours, theirs }) => {
      const last = lastFrame(stream)
      const missing = last.lengthEnd + (last.masked ? 4 : 0) + 1 - last.end
      return sameEvents(ours, theirs) && isOpen(ours) && theirs.code === 1002 &&
        last.opcode === 8 && last.length === 1 && !last.complete &&
        agree(longer(stream, zeros(missing)), 1002, /nothing or at least a two-byte code/)
    }
  },
  {
    id: 'top bit of the length',
    ours: '1002 at the byte that has it',
    theirs: '1009 when all eight bytes are there',
    rule: '§5.2: "the most significant bit MUST be 0"',
    explains: ({ stream, ours, theirs }) => {
      if (ours.code !== 1002 || !ours.message.startsWith('the top bit of a 64-bit length')) return false
      const part = blamed(stream)
      const isTopBit = stream.bytes[part.start + 2]! >= 0x80 && part.lengthBytes === 8
      const whole = isOpen(theirs) ? ends(longer(stream, zeros(7))).theirs : theirs
      return isTopBit && whole.code === 1009 && sameEvents(ours, theirs) && sameEvents(ours, whole)
    }
  },
  {
    id: 'length in more bytes than needed',
    ours: '1002',
    theirs: 'accepts it',
    rule: '§5.2: "the minimal number of bytes MUST be used to encode the length"',
    explains: ({ stream, ours, theirs }) => {
      if (ours.code !== 1002 || !ours.message.startsWith('a length must be written in the fewest bytes')) return false
      const part = blamed(stream)
      if (part.length >= (part.lengthBytes === 2 ? 126 : 65_536)) return false
      const mended = withShortestLength(stream, part)
      const again = { stream: mended, ours: ends(mended).ours, theirs }
      return agreeing(again.ours, theirs) || explain(again) !== null
    }
  },
  {
    id: 'UTF-8 of a text that is not complete',
    ours: '1007 at the first byte that cannot be part of a text',
    theirs: 'looks when the message is complete; control frames, or another violation, may come before that',
    rule: '§8.1 with §5.4: the text is the whole message; §7.1.7 lets an endpoint fail as soon as that cannot be UTF-8',
    explains: ({ stream, ours, theirs }) => {
      if (ours.code !== 1007 || !ours.message.startsWith('a text message is not UTF-8')) return false
      const taken = stream.bytes.subarray(0, takenByOurs(stream))
      const message = unfinishedMessage(taken)
      if (message?.opcode !== 1 || firstInvalid(message.payload) !== message.payload.length - 1) return false
      // Up to that byte they had been of one mind.
      const before = ends({ ...stream, bytes: taken.subarray(0, -1) })
      return agreeing(before.ours, before.theirs) && sameEvents(before.ours, ours) &&
        ours.events.every((event, i) => event === theirs.events[i]) &&
        theirs.events.slice(ours.events.length).every(event => /^(?:ping|pong|close) /.test(event))
    }
  }
]

/** The row that explains a disagreement; null: none does. */
export function explain (one: Disagreement): Row | null {
  return ROWS.find(row => row.explains(one)) ?? null
}

export function agreeing (ours: Outcome, theirs: Outcome): boolean {
  return ours.code === theirs.code && sameEvents(ours, theirs)
}

function sameEvents (ours: Outcome, theirs: Outcome): boolean {
  return ours.events.length === theirs.events.length && ours.events.every((event, i) => event === theirs.events[i])
}

/** Neither a violation nor a close frame. */
function isOpen ({ code, events }: Outcome): boolean {
  return code === 0 && !(events.at(-1) ?? '').startsWith('close ')
}

/** Whether both end with the code, ours with the message. */
function agree (stream: Stream, code: number, message: string | RegExp): boolean {
  const { ours, theirs } = ends(stream)
  const says = typeof message === 'string' ? ours.message === message : message.test(ours.message)
  return agreeing(ours, theirs) && ours.code === code && says
}

function ends ({ role, bytes, maxPayload }: Stream): { ours: Outcome, theirs: Outcome } {
  return { ours: decode(role, [bytes], { maxPayload }), theirs: receive(role, [bytes], maxPayload) }
}

function zeros (count: number): number[] {
  return Array.from({ length: count }, () => 0)
}

function longer (stream: Stream, more: number[]): Stream {
  return { ...stream, bytes: Buffer.concat([stream.bytes, Buffer.from(more)]) }
}

/** How many bytes ours takes before it comes to its end. */
function takenByOurs ({ role, bytes, maxPayload }: Stream): number {
  return decode(role, Array.from(bytes, byte => Buffer.from([byte])), { maxPayload }).taken
}

function lastFrame (stream: Stream): Part {
  return anatomy(stream.bytes).at(-1)!
}

/** The frame in which ours finds a violation of its header. */
function blamed (stream: Stream): Part {
  const taken = takenByOurs(stream)
  return anatomy(stream.bytes).find(part => part.end >= taken)!
}

function withShortestLength (stream: Stream, part: Part): Stream {
  const header = frame(0, Buffer.alloc(part.length)).subarray(0, part.length < 126 ? 2 : 4)
  header[0] = stream.bytes[part.start]!
  if (part.masked) header[1]! |= 0x80
  return withHeader(stream, part, [...header])
}

/** Another header in place of the one up to the masking key. */
function withHeader (stream: Stream, part: Part, header: number[]): Stream {
  const { bytes } = stream
  const after = bytes.subarray(Math.min(part.lengthEnd, bytes.length))
  return { ...stream, bytes: Buffer.concat([bytes.subarray(0, part.start), Buffer.from(header), after]) }
}
