import * as fc from 'fast-check'
import type { Role } from '../../lib/protocol/frame-decoder.ts'
import type { Act } from '../support/decode.ts'
import { closeBody, frame, type FrameOptions } from '../support/frames.ts'

/** A frame that is not bound to a role yet. */
export interface Spec extends FrameOptions {
  opcode: number
  payload: Uint8Array
  /** Without a mask where one must be, or the other way round. */
  wronglyMasked?: boolean
}

/** A message and the event that must come of it. */
export interface Message {
  frames: Spec[]
  events: string[]
}

export const role: fc.Arbitrary<Role> = fc.constantFrom('server', 'client')
export const maxPayload = fc.constantFrom(10, 125, 1000, 65_536, 1024 * 1024)
const byte = fc.nat({ max: 255 })
const key = fc.array(byte, { minLength: 4, maxLength: 4 })

/** Sizes at which a header changes its form, or the code its way. */
const BORDERS = [0, 1, 99, 100, 101, 125, 126, 127, 149, 150, 151, 1023, 1024, 1025]

function filled (length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte)
}

export const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 2, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 40 }).map(latin1) },
  { weight: 1, arbitrary: fc.constantFrom(...BORDERS).map(length => 'x'.repeat(length)) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.string({ unit: 'binary', maxLength: 20 }), fc.nat({ max: 300 }))
      .map(([characters, length]) => 'x'.repeat(length) + characters)
  }
)

export const bytes = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...BORDERS), byte).map(([length, byte]) => filled(length, byte)) }
)

const controlBytes = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.constantFrom(124, 125).map(length => filled(length, 0x70)) }
)

export const control: fc.Arbitrary<Message> = fc.tuple(fc.constantFrom(9, 10), controlBytes, key)
  .map(([opcode, payload, key]) => ({
    frames: [{ opcode, payload, key }],
    events: [`${opcode === 9 ? 'ping' : 'pong'} ${latin1(payload)}`]
  }))

const data: fc.Arbitrary<Message> = fc.record({
  content: fc.oneof(text, bytes),
  cuts: fc.array(fc.nat(), { maxLength: 4 }),
  between: fc.array(fc.option(control), { maxLength: 5 }),
  key
}).map(({ content, cuts, between, key }) => {
  const isText = typeof content === 'string'
  const payload = Buffer.from(content as string)
  const parts = pieces(payload, cuts)
  const message: Message = { frames: [], events: [] }
  for (const [i, part] of parts.entries()) {
    const opcode = i > 0 ? 0 : isText ? 1 : 2
    message.frames.push({ opcode, payload: part, fin: i === parts.length - 1, key })
    const other = i < parts.length - 1 ? between[i] : null
    message.frames.push(...other?.frames ?? [])
    message.events.push(...other?.events ?? [])
  }
  message.events.push(isText ? `text ${content}` : `binary ${latin1(payload)}`)
  return message
})

const close: fc.Arbitrary<Message> = fc.tuple(
  fc.constantFrom(1000, 1001, 1007, 1011, 1014, 3000, 4999), fc.string({ unit: 'binary', maxLength: 30 }), key
).map(([code, reason, key]) => ({
  frames: [{ opcode: 8, payload: closeBody(code, reason), key }], events: [`close ${code} ${reason}`]
}))

/** What a peer that breaks no rule sends, and all that must come of it. */
export const conversation: fc.Arbitrary<Message> = fc.tuple(
  fc.array(fc.oneof({ weight: 3, arbitrary: data }, { weight: 1, arbitrary: control }), { maxLength: 6 }),
  fc.option(close, { freq: 2 })
).map(([messages, end]) => {
  const all = end === null ? messages : [...messages, end]
  return { frames: all.flatMap(one => one.frames), events: all.flatMap(one => one.events) }
})

/** A frame with all sorts of mistakes, each of them rare. */
const looseFrame: fc.Arbitrary<Spec> = fc.record({
  opcode: rarely(fc.constantFrom(0, 0, 1, 2, 9, 10), fc.nat({ max: 15 }), 10),
  fin: fc.boolean(),
  rsv: rarely(fc.constant(0), fc.nat({ max: 7 }), 20),
  wronglyMasked: rarely(fc.constant(false), fc.constant(true), 40),
  lengthBytes: rarely(fc.constant(undefined), fc.constantFrom(2, 8), 20),
  payload: fc.oneof(text.map(one => Buffer.from(one)), bytes, close.map(one => one.frames[0]!.payload)),
  key
}, { requiredKeys: ['opcode', 'payload', 'fin', 'key'] }).map(({ lengthBytes, ...rest }) =>
  lengthBytes === undefined ? rest : { ...rest, lengthBytes: lengthBytes as 2 | 8 })

const frames = fc.oneof(conversation.map(one => one.frames), fc.array(looseFrame, { maxLength: 6 }))

export interface Mutation {
  kind: string
  at: number
  length: number
  byte: number
}

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('flip', 'set', 'insert', 'delete', 'repeat', 'end'),
  at: fc.nat(),
  length: fc.integer({ min: 1, max: 12 }),
  byte
})

/** Anything that a peer may send: valid, mutated, or noise. */
export const stream: fc.Arbitrary<{ role: Role, bytes: Buffer }> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(role, frames, fc.array(mutation, { maxLength: 3 })).map(([role, specs, mutations]) => ({
      role, bytes: mutations.reduce(mutated, wire(role, specs))
    }))
  },
  {
    weight: 1,
    arbitrary: fc.tuple(role, fc.uint8Array({ maxLength: 100 })).map(([role, noise]) => ({
      role, bytes: Buffer.from(noise)
    }))
  }
)

/** Where the bytes are cut: numbers to be taken modulo their length. */
export type Cuts = number[] | 'every byte'

export const cuts: fc.Arbitrary<Cuts> = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.nat(), { maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constant('every byte' as const) }
)

export const acts: fc.Arbitrary<Act[]> =
  fc.array(fc.constantFrom<Act>('nothing', 'pause', 'resume', 'pause, resume'), { maxLength: 5 })

/** The bytes in pieces, some of them perhaps empty. */
export function pieces (bytes: Uint8Array, cuts: Cuts): Uint8Array[] {
  if (cuts === 'every byte') return Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))
  const ends = cuts.map(cut => cut % (bytes.length + 1)).sort((one, other) => one - other)
  return [...ends, bytes.length].map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

/** The frames as this endpoint's peer puts them on the wire. */
export function wire (role: Role, frames: readonly Spec[]): Buffer {
  return Buffer.concat(frames.map(({ opcode, payload, wronglyMasked = false, ...options }) =>
    frame(opcode, payload, { ...options, masked: (role === 'server') !== wronglyMasked })))
}

export function latin1 (bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

function rarely<T, U> (usual: fc.Arbitrary<T>, rare: fc.Arbitrary<U>, times: number): fc.Arbitrary<T | U> {
  return fc.oneof({ weight: times, arbitrary: usual }, { weight: 1, arbitrary: rare })
}

export function mutated (bytes: Buffer, { kind, at, length, byte }: Mutation): Buffer {
  at %= bytes.length + 1
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  switch (kind) {
    case 'flip': return Buffer.concat([before, after.subarray(0, 1).map(one => one ^ 1 << byte % 8), after.subarray(1)])
    case 'set': return Buffer.concat([before, after.subarray(0, 1).fill(byte), after.subarray(1)])
    case 'insert': return Buffer.concat([before, filled(length, byte), after])
    case 'delete': return Buffer.concat([before, after.subarray(length)])
    case 'repeat': return Buffer.concat([before, after.subarray(0, length), after])
    default: return before
  }
}
