import { readFile } from 'node:fs/promises'
import { test } from 'tap'
import wabt from 'wabt'
import { mask } from '../../lib/protocol/mask.ts'
import { instantiate, simdMemory, type WebAssemblyApi } from '../../lib/protocol/simd.ts'
import { isAscii } from '../../lib/protocol/utf8.ts'
import { generator } from '../support/splits.ts'

const memory = simdMemory!
const KEY = [0x37, 0xfa, 0x21, 0x8d]
const NUMBER = Buffer.from(KEY).readInt32LE()
/** Bytes around the masked ones, which must not change. */
const AROUND = 80

/** RFC 6455 §5.3 to the letter. */
function naive (bytes: Uint8Array, start: number, end: number, offset: number): Buffer {
  const result = Buffer.from(bytes)
  for (let i = start; i < end; i++) result[i] = bytes[i]! ^ KEY[(offset + i - start) % 4]!
  return result
}

/** Masks in the memory from `start` on. False: not as the RFC has it. */
function isRight (start: number, length: number, offset: number): boolean {
  const first = Math.max(0, start - AROUND)
  const last = Math.min(memory.length, start + length + AROUND)
  const wanted = naive(memory.subarray(first, last), start - first, start - first + length, offset)
  mask(memory, start, start + length, NUMBER, offset)
  return memory.subarray(first, last).equals(wanted)
}

/** WebAssembly that only looks at the bytes of a module. */
function webAssembly (look: (bytes: Uint8Array) => void): WebAssemblyApi {
  return {
    Module: function (bytes: Uint8Array) { look(bytes) } as unknown as WebAssemblyApi['Module'],
    Instance: function () { return { exports: {} } } as unknown as WebAssemblyApi['Instance']
  }
}

const random = generator(1)
for (let i = 0; i < memory.length; i++) memory[i] = random() * 256

test('masking in the memory is the XOR of RFC 6455 §5.3 at every length, start and offset', async t => {
  const wrong: string[] = []
  for (let length = 0; length <= 300; length++) {
    for (let start = 0; start < 17; start++) {
      for (let offset = 0; offset < 4; offset++) {
        if (!isRight(start, length, offset)) wrong.push(`${length} bytes at ${start}, offset ${offset}`)
      }
    }
  }
  t.same(wrong, [])
})

test('up to the last byte of the memory, and all of it', async t => {
  for (let length = 0; length <= 200; length++) t.ok(isRight(memory.length - length, length, length), `the last ${length}`)
  t.ok(isRight(0, memory.length, 3))
  t.ok(isRight(1, memory.length - 2, 0))
})

test('looking for ASCII finds a byte above it wherever it stands, and none outside the range', async t => {
  const wrong: string[] = []
  for (const base of [3, memory.length - 150]) {
    for (let length = 0; length <= 150; length++) {
      memory.fill(0xff, base - 3, base + length)
      memory.fill(0x7f, base, base + length)
      if (!isAscii(memory, base, base + length)) wrong.push(`${length} at ${base}, none`)
      for (let at = base; at < base + length; at++) {
        memory[at] = 0x80
        if (isAscii(memory, base, base + length)) wrong.push(`${length} at ${base}, byte ${at - base}`)
        memory[at] = 0x7f
      }
      memory.fill(0xff, base + length, Math.min(memory.length, base + length + 20))
      if (!isAscii(memory, base, base + length)) wrong.push(`${length} at ${base}, behind`)
    }
  }
  t.same(wrong, [])
})

test('the module is what simd.wat says', async t => {
  const file = new URL('../../../lib/protocol/simd.wat', import.meta.url)
  const { parseWat } = await wabt()
  const assembled = parseWat('simd.wat', await readFile(file, 'utf8'), { simd: true }).toBinary({}).buffer
  let loaded: Uint8Array | undefined
  instantiate(webAssembly(bytes => { loaded = bytes }))
  t.ok(Buffer.from(assembled).equals(loaded!))
})

test('there is no memory without WebAssembly, or where it cannot do it', async t => {
  t.equal(instantiate(undefined), null)
  t.equal(instantiate(webAssembly(() => { throw new Error('SIMD unsupported') })), null)
})
