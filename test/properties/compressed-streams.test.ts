import { deepEqual, equal, ok } from 'node:assert/strict'
import * as fc from 'fast-check'
import type { Direction } from '../../lib/deflate/negotiate.ts'
import type { Role } from '../../lib/protocol/frame-decoder.ts'
import { decodeCompressed, type DecodeOptions, type Outcome } from '../support/decode.ts'
import { noise } from '../support/splits.ts'
import { acts, cuts, type Cuts, maxPayload, mutated, mutation, pieces, wire } from './arbitraries.ts'
import { type Compressed, direction, exchange, peer, sent } from './compression.ts'
import { holds } from './holds.ts'

/** Large streams byte by byte would take all the time. */
function cutUp (bytes: Buffer, cuts: Cuts): Uint8Array[] {
  return pieces(bytes, cuts === 'every byte' && bytes.length > 3000 ? [] : cuts)
}

/** A diff of large outcomes would take longer than the test. */
function same (one: Outcome, other: Omit<Outcome, 'taken'>): void {
  equal(one.message, other.message)
  equal(one.code, other.code)
  deepEqual(one.events.map(event => event.slice(0, 40)), other.events.map(event => event.slice(0, 40)))
  ok(one.events.every((event, i) => event === other.events[i]), 'the ends of large events')
}

function plain (content: Buffer): Compressed {
  return { isText: false, content, compressed: true, finalBlocks: 0, open: false, cuts: [], between: [] }
}

/** Reads what an honest peer of another connection sends, which must come out as it went in. */
type Other = () => Promise<void>

async function another (windowBits: number): Promise<Other> {
  const direction = { contextTakeover: false, windowBits }
  const content = Buffer.from('to be or not to be, that is the question; '.repeat(3))
  const { frames, events } = await sent({ direction, peer: {}, messages: [plain(content), plain(content)] })
  return async () => {
    same(await decodeCompressed('client', [wire('client', frames)], direction), { events, code: 0, message: '' })
  }
}

/** What comes of a stream while others are read at the same time, and after it. */
async function amongOthers (
  other: Other, role: Role, chunks: Uint8Array[], direction: Direction, options: DecodeOptions
): Promise<Outcome> {
  const [outcome] = await Promise.all([decodeCompressed(role, chunks, direction, options), other(), other()])
  await other()
  return outcome
}

holds('what an honest peer compresses comes out as it went in, cut and paused anywhere', 120,
  fc.asyncProperty(exchange, cuts, acts, async (exchange, cuts, acts) => {
    const { role, direction } = exchange
    const { frames, events } = await sent(exchange)
    const other = await another(direction.windowBits)
    const outcome = await amongOthers(other, role, cutUp(wire(role, frames), cuts), direction, { acts })
    same(outcome, { events, code: 0, message: '' })
  }))

holds('mutated streams come to the same wherever they are cut and paused, and disturb nobody else', 150,
  fc.asyncProperty(exchange, fc.array(mutation, { minLength: 1, maxLength: 3 }), maxPayload, cuts, acts,
    async (exchange, mutations, maxPayload, cuts, acts) => {
      const { role, direction } = exchange
      const { frames } = await sent(exchange)
      const bytes = mutations.reduce(mutated, wire(role, frames))
      const other = await another(direction.windowBits)
      const whole = await amongOthers(other, role, [bytes], direction, { maxPayload })
      ok([0, 1002, 1007, 1009].includes(whole.code))
      same(await amongOthers(other, role, cutUp(bytes, cuts), direction, { maxPayload, acts }), whole)
    }))

/** Frames that are right around payloads that need not be. */
const garbage = fc.array(fc.tuple(
  fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    // Beginnings of blocks: stored, fixed, dynamic, reserved; final or not.
    fc.uint8Array({ minLength: 1, maxLength: 6 }),
    fc.constantFrom('', '00', '01', '0300', '0200', '000000ffff', '010000ffff', '010100feff41')
      .map(digits => Buffer.from(digits, 'hex'))
  ), fc.constantFrom(1, 2)
), { minLength: 1, maxLength: 5 })

holds('payloads that nobody has compressed come to 1007, 1009 or a message, and disturb nobody else', 400,
  fc.asyncProperty(garbage, direction, maxPayload, cuts, async (garbage, direction, maxPayload, cuts) => {
    const bytes = wire('server', garbage.map(([payload, opcode]) => ({ opcode, payload, rsv: 4 })))
    const other = await another(direction.windowBits)
    const whole = await amongOthers(other, 'server', [bytes], direction, { maxPayload })
    ok([0, 1007, 1009].includes(whole.code))
    same(await decodeCompressed('server', pieces(bytes, cuts), direction, { maxPayload }), whole)
  }))

const limits = fc.integer({ min: 1, max: 300_000 })

holds('a message is handed on up to maxPayload, however small or large it was compressed', 100,
  fc.asyncProperty(direction, peer, limits, fc.constantFrom(-1, 0, 1, 1_000_000), fc.boolean(),
    async (direction, peer, limit, more, hard) => {
      // Making up what cannot be compressed takes its time.
      const maxPayload = hard ? 1 + limit % 5000 : limit
      const length = maxPayload + (hard ? Math.min(more, 5000) : more)
      const content = hard ? noise(length) : Buffer.alloc(length, 'a')
      const { frames, events } = await sent({ direction, peer, messages: [plain(content)] })
      const outcome = await decodeCompressed('server', [wire('server', frames)], direction, { maxPayload })
      equal(outcome.code, more > 0 ? 1009 : 0)
      ok(more > 0 || outcome.events[0] === events[0])
    }))
