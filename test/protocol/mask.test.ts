import { test } from 'tap'
import { mask } from '../../lib/protocol/mask.ts'
import { generator } from '../support/splits.ts'

/** Long enough for every way of masking, of which there is one for short payloads and one for long ones. */
const LONGEST = 300
const KEYS = [[0x37, 0xfa, 0x21, 0x3d], [0, 0, 0, 0], [255, 255, 255, 255], [0, 0, 0, 0x80], [1, 2, 4, 0x7f]]
const random = generator(1)
const SOURCE = Uint8Array.from({ length: LONGEST + 16 }, () => random() * 256)

/** RFC 6455 §5.3 to the letter. */
function naive (bytes: Uint8Array, start: number, end: number, key: number[], offset: number): Uint8Array {
  const result = Uint8Array.from(bytes)
  for (let i = start; i < end; i++) result[i] = bytes[i]! ^ key[(offset + i - start) % 4]!
  return result
}

function asNumber (key: number[]): number {
  return Buffer.from(key).readInt32LE()
}

/** A copy of `source` that begins `alignment` bytes into its memory. */
function copyAt (source: Uint8Array, alignment: number): Uint8Array {
  const memory = new Uint8Array(new ArrayBuffer(source.length + alignment), alignment)
  memory.set(source)
  return memory
}

test('masking is the XOR of RFC 6455 §5.3 at every length, place in memory, start and offset', async t => {
  for (const key of KEYS) {
    const wrong: string[] = []
    for (let length = 0; length <= LONGEST; length++) {
      for (let alignment = 0; alignment < 4; alignment++) {
        for (let start = 0; start < 4; start++) {
          for (let offset = 0; offset < 5; offset++) {
            const bytes = copyAt(SOURCE.subarray(0, LONGEST + 8), alignment)
            const wanted = naive(bytes, start, start + length, key, offset)
            mask(bytes, start, start + length, asNumber(key), offset)
            if (Buffer.compare(bytes, wanted) === 0) continue
            wrong.push(`${length} bytes at ${alignment}+${start}, offset ${offset}`)
          }
        }
      }
    }
    t.same(wrong, [], `key ${key.join(' ')}; nothing outside the range changes either`)
  }
})

test('masking in two pieces at any place equals masking in one', async t => {
  const key = KEYS[0]!
  const wrong: string[] = []
  for (const offset of [0, 3]) {
    for (let length = 0; length <= LONGEST; length++) {
      const wanted = naive(SOURCE.subarray(0, length), 0, length, key, offset)
      for (let cut = 0; cut <= length; cut++) {
        const bytes = copyAt(SOURCE.subarray(0, length), 1)
        mask(bytes, 0, cut, asNumber(key), offset)
        mask(bytes, cut, length, asNumber(key), offset + cut)
        if (Buffer.compare(bytes, wanted) !== 0) wrong.push(`${length} bytes cut at ${cut}, offset ${offset}`)
      }
    }
  }
  t.same(wrong, [])
})

test('masking in many pieces equals masking in one', async t => {
  const key = KEYS[0]!
  const source = Uint8Array.from({ length: 70_000 }, (_, i) => i * 31)
  for (const size of [1, 2, 3, 5, 63, 64, 65, 67, 1021, 65_537]) {
    const bytes = Uint8Array.from(source)
    for (let at = 0; at < bytes.length; at += size) {
      mask(bytes, at, Math.min(at + size, bytes.length), asNumber(key), at)
    }
    t.equal(Buffer.compare(bytes, naive(source, 0, source.length, key, 0)), 0, `pieces of ${size} bytes`)
  }
})

test('masking twice gives back the bytes', async t => {
  const bytes = Uint8Array.from(SOURCE)
  mask(bytes, 1, bytes.length, asNumber(KEYS[0]!), 2)
  t.not(Buffer.compare(bytes, SOURCE), 0)
  mask(bytes, 1, bytes.length, asNumber(KEYS[0]!), 2)
  t.equal(Buffer.compare(bytes, SOURCE), 0)
})

test('offsets of payloads beyond 4 GiB keep their place in the key', async t => {
  const key = KEYS[0]!
  for (const offset of [2 ** 31 + 1, 2 ** 32 + 2, 2 ** 40 + 3]) {
    const bytes = Uint8Array.from(SOURCE)
    mask(bytes, 0, bytes.length, asNumber(key), offset)
    t.equal(Buffer.compare(bytes, naive(SOURCE, 0, SOURCE.length, key, offset)), 0, `offset ${offset}`)
  }
})

test('a Buffer in the shared pool is masked without touching its neighbours', async t => {
  const [before, middle, after] = [Buffer.from('before'), Buffer.from('x'.repeat(99)), Buffer.from('after')]
  mask(middle, 0, middle.length, asNumber(KEYS[0]!), 0)
  t.same([before.toString(), after.toString()], ['before', 'after'])
  t.equal(Buffer.compare(middle, naive(Buffer.from('x'.repeat(99)), 0, 99, KEYS[0]!, 0)), 0)
})
