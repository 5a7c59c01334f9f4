import { test } from 'tap'
import type { Exchange } from './compression.ts'
import { type Agreement, Compressor, Decompressor, readAgreement } from './deflate.ts'
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
function framesOf ({ agreed, sample, fragment }: Exchange, messages: Buffer[], role: Endpoint['role']): Buffer[] {
  const compressor = new Compressor(role === 'server' ? agreed.client : agreed.server)
  return messages.flatMap(message => {
    const data = compressor.compress(message)
    const frames = fragments(sample.opcode, parts(data, Math.min(fragment, data.length)))
    return frames.map((frame, index) => encode({ ...frame, rsv: index === 0 ? 4 : 0 }, role === 'server'))
  })
}

/** What has come back, in lines. */
function read (peer: Peer, exchange: Exchange, role: Endpoint['role']): string[] {
  const decompressor = new Decompressor(endOf(exchange.agreed, role))
  return peer.frames.map(frame => {
    if (frame.rsv !== 4 || frame.opcode > 2) return describe(frame, role === 'client')
    const size = frame.size
    try {
      const payload = decompressor.decompress(frame.payload)
      const [, ...faults] = describe({ ...frame, rsv: 0 }, role === 'client').split(', ')
      return [`${line(frame.opcode, payload)}, compressed`, ...faults].join(', ')
    } catch (error) {
      return `${size} bytes that cannot be inflated: ${(error as Error).message}`
    }
  }).map(found => shrinks(exchange) ? found : found.replace(', compressed', ''))
}

function endOf (agreed: Agreement, role: Endpoint['role']): Agreement['server'] {
  return role === 'server' ? agreed.server : agreed.client
}

/** Whether each message must come back compressed; of others it does not matter. */
function shrinks ({ sample, size }: Exchange): boolean {
  return sample.shrinks && size >= COMPRESSED_FROM
}

function wanted (exchange: Exchange, messages: Buffer[]): string[] {
  return messages.map(message => line(exchange.sample.opcode, message) + (shrinks(exchange) ? ', compressed' : ''))
}
