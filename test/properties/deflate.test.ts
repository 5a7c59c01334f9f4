import { deepEqual, ok } from 'node:assert/strict'
import * as fc from 'fast-check'
import { Deflater } from '../../lib/deflate/deflater.ts'
import { Inflater } from '../../lib/deflate/inflater.ts'
import type { DeflateSettings, Direction } from '../../lib/deflate/negotiate.ts'
import { inflateStrictly } from '../support/deflate.ts'
import { compressible, direction } from './compression.ts'
import { holds } from './holds.ts'

const settings: fc.Arbitrary<DeflateSettings> = fc.record({
  threshold: fc.constant(0),
  level: fc.integer({ min: 1, max: 9 }),
  memLevel: fc.integer({ min: 1, max: 9 }),
  contextTakeover: fc.boolean(),
  windowBits: fc.constant(15)
})
const messages = fc.array(compressible, { minLength: 1, maxLength: 4 })

/** What is sent in place of the messages; null where one is sent as it is. */
async function deflated (
  direction: Direction, settings: DeflateSettings, messages: Buffer[]
): Promise<Array<Buffer | null>> {
  let settle = (_data: Buffer | Error): void => {}
  const deflater = new Deflater(direction, settings, {
    onDeflated: data => settle(data), onDeflateFailed: error => settle(error)
  })
  const payloads = []
  for (const message of messages) {
    const later = new Promise<Buffer | Error>(resolve => { settle = resolve })
    const payload = deflater.deflate(message) ?? await later
    if (payload instanceof Error) throw payload
    payloads.push(payload === message ? null : payload)
  }
  deflater.close()
  return payloads
}

async function inflated (direction: Direction, payloads: Buffer[], maxPayload: number): Promise<Buffer[]> {
  let settle = (_data: Buffer | Error): void => {}
  const inflater = new Inflater(direction, maxPayload, {
    onInflated: data => settle(data), onInflateFailed: error => settle(error)
  })
  const messages = []
  for (const payload of payloads) {
    const lent = Buffer.from(payload)
    const later = new Promise<Buffer | Error>(resolve => { settle = resolve })
    const message = inflater.inflate(lent) ?? await later
    lent.fill(0xaa)
    if (message instanceof Error) throw message
    messages.push(message)
  }
  inflater.close()
  return messages
}

holds('what is deflated is inflated by node:zlib with the window that was agreed on, and by ours', 150,
  fc.asyncProperty(direction, settings, messages, async (direction, settings, messages) => {
    const payloads = await deflated(direction, settings, messages)
    const sent = messages.filter((_, i) => payloads[i] !== null)
    const compressed = payloads.filter((payload): payload is Buffer => payload !== null)
    // With context takeover the peer has to see what later messages may refer to.
    ok(!direction.contextTakeover || compressed.length === messages.length)
    for (const [i, payload] of compressed.entries()) {
      ok(direction.contextTakeover || payload.length < sent[i]!.length)
      const history = direction.contextTakeover ? compressed.slice(0, i + 1) : [payload]
      const wanted = direction.contextTakeover ? Buffer.concat(sent.slice(0, i + 1)) : sent[i]!
      ok(inflateStrictly(history, direction.windowBits).equals(wanted), 'node:zlib')
    }
    const ours = await inflated(direction, compressed, Math.max(0, ...sent.map(message => message.length)))
    deepEqual(ours.map(message => message.length), sent.map(message => message.length))
    for (const [i, message] of ours.entries()) ok(message.equals(sent[i]!), 'ours')
  }))
