import { test } from 'tap'
import type { Direction } from '../../lib/deflate/negotiate.ts'
import type { Exchange } from './compression.ts'
import { Compressor, Decompressor, readAgreement } from './deflate.ts'
import type { Endpoint } from './endpoints.ts'
import type { Peer } from './peer.ts'
import { close, encode, fragments, parts } from './row.ts'
import { allWays, converse, describe, line, type Way, write } from './run.ts'
import { messagesOf } from './samples.ts'

/** From here on what comes back must be compressed, where it can be: the default `threshold`. */
const COMPRESSED_FROM = 1024

/** A test for each exchange and each way. */
export function checkExchanges (
  endpoint: Endpoint, deflate: 'default' | 'takeover', exchanges: readonly Exchange[]
): void {
  for (const exchange of exchanges) {
    for (const way of exchangeWays(exchange)) {
      test(`${exchange.id} as ${endpoint.role}, ${way.name}: ${exchange.name} (${exchange.rfc})`, async t => {
        const messages = messagesOf(exchange.sample, exchange.size, exchange.count)
        const peer = await endpoint.open({ ...exchange, deflate })
        if (endpoint.role === 'server') t.strictSame(readAgreement(peer.extensions), exchange.agreed)
        const frames = [...framesOf(exchange, messages, endpoint.role), encode(close(1000), endpoint.role === 'server')]
        const notes = await converse(peer, endpoint, true, () => write(peer, frames, way))
        t.strictSame([...read(peer, exchange, endpoint.role), ...notes], [...wanted(exchange, messages), 'close 1000'])
      })
    }
  }
}

export function exchangeWays ({ id, size, count }: Exchange): Way[] {
  return allWays(id, size * count)
}

/** What the peer sends: the first frame of each message says that it is compressed (RFC 7692 §6). */
function framesOf (exchange: Exchange, messages: Buffer[], role: Endpoint['role']): Buffer[] {
  const { agreed, sample, fragment } = exchange
  return compressed(exchange, messages, role === 'server' ? agreed.client : agreed.server).flatMap(data => {
    const frames = fragments(sample.opcode, parts(data, Math.min(fragment, data.length)))
    return frames.map((frame, index) => encode({ ...frame, rsv: index === 0 ? 4 : 0 }, role === 'server'))
  })
}

/** Compressing takes longer than all the rest, and many exchanges have the same data. */
const made = new Map<string, Buffer[]>()

function compressed ({ sample, size, count }: Exchange, messages: Buffer[], direction: Direction): Buffer[] {
  const key = JSON.stringify([sample.name, size, count, direction])
  let data = made.get(key)
  if (data === undefined) {
    const compressor = new Compressor(direction)
    made.set(key, data = messages.map(message => compressor.compress(message)))
  }
  return data
}

/** What has come back, in lines. */
function read (peer: Peer, exchange: Exchange, role: Endpoint['role']): string[] {
  const decompressor = new Decompressor(exchange.agreed[role])
  return peer.frames.map(frame => {
    if (frame.rsv !== 4 || frame.opcode > 2) return describe(frame, role === 'client')
    try {
      const payload = decompressor.decompress(frame.payload)
      const [, ...faults] = describe({ ...frame, rsv: 0 }, role === 'client').split(', ')
      return [`${line(frame.opcode, payload)}, compressed`, ...faults].join(', ')
    } catch (error) {
      return `${frame.payload.length} bytes that cannot be inflated: ${(error as Error).message}`
    }
  }).map(found => shrinks(exchange) ? found : found.replace(', compressed', ''))
}

/** Whether each message must come back compressed; of others it does not matter. */
function shrinks ({ sample, size }: Exchange): boolean {
  return sample.shrinks && size >= COMPRESSED_FROM
}

function wanted (exchange: Exchange, messages: Buffer[]): string[] {
  return messages.map(message => line(exchange.sample.opcode, message) + (shrinks(exchange) ? ', compressed' : ''))
}
