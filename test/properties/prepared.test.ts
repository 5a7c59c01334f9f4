import { deepEqual, equal, ok } from 'node:assert/strict'
import * as fc from 'fast-check'
import { Connection } from '../../lib/connection/connection.ts'
import type { ConnectionOwner } from '../../lib/connection/owner.ts'
import { MessageForm } from '../../lib/connection/message-form.ts'
import type { Agreement, DeflateSettings, Direction } from '../../lib/deflate/negotiate.ts'
import { duplexPair } from '../../lib/testing/duplex-pair.ts'
import { turn } from '../support/until.ts'
import { text } from './arbitraries.ts'
import { compressible } from './compression.ts'
import { holds } from './holds.ts'

/*
 * Whoever is in a room, however they compress, read, stall and leave, and whatever else each of them is sent: all get what
 * was sent to them, in its order, though it was made once.
 */

type Message = string | Buffer

/** Of few kinds, so that some of them share what is compressed. */
const direction: fc.Arbitrary<Direction> = fc.record({ contextTakeover: fc.boolean(), windowBits: fc.constantFrom(9, 15) })
const member = fc.record({
  agreement: fc.option(direction.map((one): Agreement => ({ server: one, client: one })), { freq: 3 }),
  highWaterMark: fc.constantFrom(0, 300, 65_536),
  threshold: fc.constantFrom(0, 100)
})

const message: fc.Arbitrary<Message> = fc.oneof(
  text, compressible, compressible.map(one => one.toString()),
  // Many small ones, and some for the thread pool.
  fc.integer({ min: 0, max: 3000 }).map(size => 'x'.repeat(size)), fc.integer({ min: 16_000, max: 40_000 }).map(size => Buffer.alloc(size, 'y'))
)

const members = fc.nat({ max: 3 })
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('to all' as const), message, times: fc.constantFrom(1, 1, 2, 50) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('to one' as const), message, member: members }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('stall' as const, 'read' as const, 'leave' as const, 'close' as const), member: members }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) }
)

const SETTINGS: Omit<DeflateSettings, 'threshold'> = { level: 1, memLevel: 8, contextTakeover: false, windowBits: 15 }
const OPTIONS = { maxPayload: 1024 * 1024, maxBuffered: Infinity, closeTimeout: 5000, rate: null, clock: { now: 0 } }

/** A connection, its peer, and what has passed. */
class Member {
  readonly sent: Message[] = []
  readonly received: Message[] = []
  readonly connection: Connection
  readonly peer: Connection
  readonly closed: Promise<unknown>
  isGone = false
  faults: unknown[] = []

  constructor ({ agreement, highWaterMark, threshold }: { agreement: Agreement | null, highWaterMark: number, threshold: number }) {
    const [near, far] = duplexPair()
    const options = { ...OPTIONS, highWaterMark, deflate: { ...SETTINGS, threshold } }
    const closed = [near, far].map(end => new Promise(resolve => { end.once('close', resolve) }))
    this.closed = Promise.all(closed)
    this.connection = new Connection('server', near, this.#host([]), options, agreement)
    this.peer = new Connection('client', far, this.#host(this.received), options, agreement)
    this.connection.start(Buffer.alloc(0))
    this.peer.start(Buffer.alloc(0))
  }

  #host (received: Message[]): ConnectionOwner {
    return {
      onText: one => { received.push(one) },
      onBinary: one => { received.push(one) },
      onError: error => { this.faults.push(error) },
      onOverflow: () => { this.faults.push('overflow') },
      onOverRate: () => { this.faults.push('over rate') },
      onPing: () => {},
      onPong: () => {},
      onDrain: () => {},
      onClose: () => {}
    }
  }

  send (form: MessageForm): void {
    if (!this.connection.isOpen) return
    this.sent.push(form.data)
    this.connection.sendForm(form)
  }

  sendOwn (message: Message): void {
    if (!this.connection.isOpen) return
    this.sent.push(message)
    if (typeof message === 'string') this.connection.sendText(message)
    else this.connection.sendBinary(message)
  }

  /** All that was sent has come; of one that has left, what had come by then. */
  check (): void {
    if (!this.isGone) {
      deepEqual(this.faults, [])
      equal(this.connection.bufferedAmount, 0)
    }
    const wanted = this.sent.slice(0, this.isGone ? this.received.length : undefined)
    deepEqual(this.received.map(one => [typeof one, one.length]), wanted.map(one => [typeof one, one.length]))
    ok(this.received.every((one, i) => Buffer.from(one as string).equals(Buffer.from(wanted[i] as string))))
  }
}

holds('what is made once for a room arrives at each of its members in the order in which it was sent', 100,
  fc.asyncProperty(fc.array(member, { minLength: 4, maxLength: 4 }), fc.array(step, { maxLength: 30 }), async (plans, steps) => {
    const room = plans.map(plan => new Member(plan))
    for (const one of steps) {
      switch (one.kind) {
        case 'to all': {
          const form = new MessageForm(one.message)
          for (const each of room) for (let n = 0; n < one.times; n++) each.send(form)
          break
        }
        case 'to one': room[one.member]!.sendOwn(one.message); break
        case 'stall': room[one.member]!.peer.pause(); break
        case 'read': room[one.member]!.peer.resume(); break
        case 'leave':
          room[one.member]!.isGone = true
          room[one.member]!.connection.terminate()
          break
        case 'close': room[one.member]!.connection.close(1000, ''); break
        case 'turn': await turn()
      }
    }
    for (const each of room) {
      each.peer.resume()
      each.connection.close(1000, '')
    }
    const late = setTimeout(() => { for (const each of room) each.connection.cut() }, 10_000)
    await Promise.all(room.map(each => each.closed))
    clearTimeout(late)
    for (const each of room) each.check()
  }))
