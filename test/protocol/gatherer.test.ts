import { test } from 'tap'
import { Gatherer } from '../../lib/protocol/gatherer.ts'

const KIB = 1024
const MIB = 1024 * KIB

function numbered (size: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, i) => seed + (i ^ i >> 8)))
}

/** Gathers parts of so many bytes each, in turn. */
function gathered (message: Buffer, parts: number[], isKnown: boolean, limit = message.length): Buffer {
  const gatherer = new Gatherer()
  for (let at = 0, n = 0; at < message.length; n++) {
    const end = Math.min(message.length, at + parts[n % parts.length]!)
    // Somewhere in a chunk, as when it was read.
    const chunk = Buffer.concat([Buffer.alloc(3, 'x'), message.subarray(at, end), Buffer.alloc(3, 'x')])
    gatherer.add(chunk, 3, 3 + end - at, limit - at, isKnown)
    chunk.fill(0)
    at = end
  }
  return gatherer.take()
}

for (const isKnown of [true, false]) {
  test(`a message of ${isKnown ? 'known' : 'unknown'} length comes together however it was cut`, async t => {
    for (const size of [1, 2, 1023, 1024, 1025, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 512 * KIB, 512 * KIB + 1, MIB]) {
      for (const parts of [[1023], [1024, 7], [64 * KIB], [1, 64 * KIB], [100, 300 * KIB, 5], [2 * MIB]]) {
        const message = numbered(size, size)
        const found = gathered(message, parts, isKnown, isKnown ? size : 16 * MIB)
        t.ok(found.equals(message), `${size} bytes in parts of ${parts.join(', ')}`)
        if (size >= 64 * KIB) t.equal(found.buffer.byteLength, size, 'and keeps nothing else')
      }
    }
  })
}

test('its size is that of what has come', async t => {
  const gatherer = new Gatherer()
  t.equal(gatherer.size, 0)
  gatherer.add(Buffer.alloc(1000), 10, 700, 1e6, false)
  gatherer.add(Buffer.alloc(100_000), 0, 100_000, 1e6, false)
  t.equal(gatherer.size, 100_690)
})

test('pieces are used again, and no message changes by it', async t => {
  const messages = Array.from({ length: 4 }, (_, seed) => numbered(3 * MIB + seed, seed))
  const found = messages.map(message => gathered(message, [200 * KIB], true))
  found.push(gathered(numbered(64 * KIB, 9), [KIB], true), gathered(numbered(64 * KIB, 8), [KIB], false))
  messages.push(numbered(64 * KIB, 9), numbered(64 * KIB, 8))
  for (const [i, message] of messages.entries()) t.ok(message.equals(found[i]!), `message ${i}`)
  t.equal(new Set(found.map(({ buffer }) => buffer)).size, found.length, 'no two of them share memory')
})

test('no more than 8 MiB of pieces are kept', async t => {
  gathered(Buffer.alloc(10 * MIB), [256 * KIB], false, 16 * MIB)
  const { allocUnsafeSlow } = Buffer
  let made = 0
  Buffer.allocUnsafeSlow = size => {
    made += size
    return allocUnsafeSlow(size)
  }
  t.teardown(() => { Buffer.allocUnsafeSlow = allocUnsafeSlow })
  gathered(Buffer.alloc(10 * MIB), [256 * KIB], false, 16 * MIB)
  t.equal(made, 2 * MIB, 'what is missing is made anew')
})
