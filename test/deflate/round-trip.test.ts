import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { test } from 'tap'
import { inflateStrictly, PeerDeflater } from '../support/deflate.ts'
import { noise } from '../support/splits.ts'
import { Deflating, Inflating, json, KIB, swelling } from './support.ts'

const JSON_TEXT = json(40 * KIB)
const NOISE = noise(40 * KIB)
const SWELLING = swelling(200 * KIB)

/** Messages of all kinds: some are done in the calling thread, some in the thread pool, some in both. */
const message = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 300 }).map(bytes => Buffer.from(bytes)) },
  { weight: 4, arbitrary: fc.string({ minLength: 1 }).map(text => Buffer.from(text)) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 40 * KIB }).map(length => JSON_TEXT.subarray(0, length)) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 40 * KIB }).map(length => NOISE.subarray(0, length)) },
  { weight: 1, arbitrary: fc.integer({ min: 100 * KIB, max: 200 * KIB }).map(length => SWELLING.subarray(0, length)) },
  // At these sizes things change.
  {
    weight: 1,
    arbitrary: fc.constantFrom(KIB - 1, KIB, 16 * KIB - 5, 16 * KIB).map(length => NOISE.subarray(0, length))
  }
)
const messages = fc.array(message, { minLength: 1, maxLength: 6 })
const direction = fc.record({ contextTakeover: fc.boolean(), windowBits: fc.integer({ min: 8, max: 15 }) })
const settings = fc.record({ level: fc.integer({ min: 1, max: 9 }), memLevel: fc.integer({ min: 1, max: 9 }) })

test('whatever was agreed on, messages arrive as they were, in this inflater and in a peer’s', async t => {
  await fc.assert(fc.asyncProperty(messages, direction, settings, async (messages, direction, settings) => {
    const deflating = new Deflating(direction, settings)
    const inflating = new Inflating(direction)
    const deflated: Buffer[] = []
    for (const message of messages) {
      const { message: data } = await deflating.deflate(message)
      if (data === message) continue
      deflated.push(data)
      assert((await inflating.inflate(data)).message.equals(message))
      if (!direction.contextTakeover) assert(inflateStrictly([data], direction.windowBits).equals(message))
    }
    if (direction.contextTakeover) {
      assert(inflateStrictly(deflated, direction.windowBits).equals(Buffer.concat(messages)))
    }
    deflating.close()
    inflating.close()
  }), { numRuns: 40 })
  t.pass()
})

test('whatever settings a peer has, what it deflated is inflated', async t => {
  const strategy = fc.integer({ min: 0, max: 4 })
  const windowBits = fc.integer({ min: 9, max: 15 })
  const level = fc.integer({ min: 0, max: 9 })
  const peers = fc.record({ level, memLevel: fc.integer({ min: 1, max: 9 }), strategy, windowBits })
  await fc.assert(fc.asyncProperty(messages, peers, async (messages, options) => {
    const peer = new PeerDeflater(options)
    const inflating = new Inflating({ contextTakeover: true, windowBits: options.windowBits })
    for (const message of messages) {
      assert((await inflating.inflate(await peer.deflate(message))).message.equals(message))
    }
    inflating.close()
  }), { numRuns: 40 })
  t.pass()
})

test('whatever bytes come, there is a message or 1007 or 1009, and the next one is right', async t => {
  const hello = Buffer.from('f248cdc9c90700', 'hex')
  const data = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
    // Some of which are blocks with no compression.
    fc.array(fc.constantFrom(0x00, 0x01, 0x02, 0x03, 0xff, 0xfe), { minLength: 1, maxLength: 40 }).map(bytes => {
      return Buffer.from(bytes)
    }),
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map(bytes => Buffer.concat([bytes, NOISE]))
  )
  await fc.assert(fc.asyncProperty(data, direction, async (data, direction) => {
    const inflating = new Inflating(direction, 100)
    try {
      const { message } = await inflating.inflate(data)
      assert(message.length <= 100)
    } catch (error) {
      const { closeCode } = error as { closeCode?: number }
      assert(closeCode === 1007 || closeCode === 1009, String(error))
    }
    inflating.close()
    const other = new Inflating({ windowBits: direction.windowBits })
    assert.equal((await other.inflate(hello)).message.toString(), 'Hello')
  }), { numRuns: 200 })
  t.pass()
})
