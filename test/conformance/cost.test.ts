import { t, test } from 'tap'
import { collectGarbage } from '../support/garbage.ts'
import { BINARY } from '../support/opcodes.ts'
import { turn } from '../support/until.ts'
import { type Endpoint, endpoints } from './endpoints.ts'
import type { Peer } from './peer.ts'
import { encode, first, last, more, sampleBytes } from './row.ts'

const MIB = 1024 * 1024
const TIMES = 4
/** So many times as many fragments may cost so much more: 4 if the cost is linear, 16 if it is quadratic. */
const FACTOR = 8
/** What a short measurement can be off by on a busy machine. Copying all bytes for each fragment takes many times as long. */
const NOISE_MS = 1000

const CASES = [
  // A buffer that doubles holds up to twice the bytes.
  { name: '65,537 fragments of 64 bytes', fragments: 65_537, size: 64, most: 2 * 65_537 * 64 + 2 * MIB },
  { name: 'a million empty fragments', fragments: 1_000_000, size: 0, most: 2 * MIB }
]

for (const endpoint of await endpoints()) {
  t.teardown(() => endpoint.close())
  for (const { name, fragments, size, most } of CASES) {
    test(`9.10 as ${endpoint.role}: ${name} cost no more memory than their bytes (RFC 6455 §5.4, §10.4)`, async t => {
      await send(endpoint, fragments, size)
      const { grown } = await send(endpoint, fragments, size)
      t.ok(grown < most, `${grown} bytes, of ${most} at most`)
    })

    test(`9.10 as ${endpoint.role}: the time for ${name} is not quadratic (RFC 6455 §5.4, §10.4)`, async t => {
      const once = await fastest(endpoint, fragments, size)
      const longer = await fastest(endpoint, TIMES * fragments, size)
      t.ok(longer < once * FACTOR + NOISE_MS, `${once} ms, for ${TIMES} times as many ${longer} ms`)
    })
  }
}

async function fastest (endpoint: Endpoint, fragments: number, size: number): Promise<number> {
  let least = Infinity
  for (let i = 0; i < 3; i++) least = Math.min(least, (await send(endpoint, fragments, size)).milliseconds)
  return least
}

/** Sends a message in that many fragments and an empty last one. Tells what it cost until the last one was sent. */
async function send (
  endpoint: Endpoint, fragments: number, size: number
): Promise<{ grown: number, milliseconds: number }> {
  const masked = endpoint.role === 'server'
  const peer = await endpoint.open()
  const fragment = encode(more(sampleBytes(size)), masked)
  const bytes = Buffer.alloc(fragments * fragment.length, fragment)
  await deliver(peer, encode(first(BINARY), masked))
  const before = await memory()
  const start = process.cpuUsage()
  await deliver(peer, bytes)
  const { user, system } = process.cpuUsage(start)
  const grown = await memory() - before
  peer.write(encode(last(), masked))
  await peer.until(() => peer.frames.length > 0)
  const wanted = Buffer.alloc(fragments * size, sampleBytes(size))
  if (!peer.frames[0]!.payload.equals(wanted)) throw new Error('another message came back')
  peer.destroy()
  return { grown, milliseconds: (user + system) / 1000 }
}

async function deliver (peer: Peer, bytes: Buffer): Promise<void> {
  peer.write(bytes)
  await peer.arrived()
}

/** Bytes in use when what can be collected has been. */
async function memory (): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collectGarbage()
    await turn()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
