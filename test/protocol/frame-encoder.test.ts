import { test } from 'tap'
import { closePayload } from '../../lib/protocol/close-payload.ts'
import { FrameDecoder } from '../../lib/protocol/frame-decoder.ts'
import {
  headerLength, MAX_HEADER, writeFrame, writeHeader, writeTextFrame
} from '../../lib/protocol/frame-encoder.ts'
import { MessageAssembler } from '../../lib/protocol/message-assembler.ts'
import { readFrame } from '../support/frames.ts'
import { BINARY, CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import { splits } from '../support/splits.ts'
import { binary, hex, messageReader, text } from './rows.ts'

/** The masking key of the examples in RFC 6455 §5.7. */
const KEY = hex('37fa213d').readInt32LE()
const KEYS = [null, KEY, 0, -1, hex('00000080').readInt32LE()]
const LENGTHS = [0, 1, 2, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537]

/** A whole frame in a buffer of its own. */
function encode (opcode: number, payload: Uint8Array, key: number | null): Buffer {
  const target = Buffer.alloc(MAX_HEADER + payload.length)
  return target.subarray(0, writeFrame(target, 0, opcode, payload, key))
}

function encodeText (message: string, key: number | null): Buffer {
  const byteLength = Buffer.byteLength(message)
  const target = Buffer.alloc(MAX_HEADER + byteLength)
  return target.subarray(0, writeTextFrame(target, 0, TEXT, message, byteLength, key))
}

test('the examples of RFC 6455 §5.7', async t => {
  const hello = Buffer.from('Hello')
  const examples: Array<[string, Buffer, string]> = [
    ['an unmasked text', encode(TEXT, hello, null), '81 05 48 65 6c 6c 6f'],
    ['a masked text', encode(TEXT, hello, KEY), '81 85 37 fa 21 3d 7f 9f 4d 51 58'],
    ['an unmasked text from a string', encodeText('Hello', null), '81 05 48 65 6c 6c 6f'],
    ['a masked text from a string', encodeText('Hello', KEY), '81 85 37 fa 21 3d 7f 9f 4d 51 58'],
    ['an unmasked ping', encode(PING, hello, null), '89 05 48 65 6c 6c 6f'],
    ['a masked pong', encode(PONG, hello, KEY), '8a 85 37 fa 21 3d 7f 9f 4d 51 58'],
    ['the header of 256 bytes', encode(BINARY, Buffer.alloc(256), null).subarray(0, 4), '82 7e 01 00'],
    [
      'the header of 64 KiB',
      encode(BINARY, Buffer.alloc(65_536), null).subarray(0, 10),
      '82 7f 00 00 00 00 00 01 00 00'
    ]
  ]
  for (const [name, found, wanted] of examples) t.equal(found.toString('hex'), wanted.replaceAll(' ', ''), name)
})

test('headers at the borders of the three forms of length (§5.2)', async t => {
  const headers: Array<[number, string]> = [
    [0, '82 00'],
    [125, '82 7d'],
    [126, '82 7e 00 7e'],
    [127, '82 7e 00 7f'],
    [65_535, '82 7e ff ff'],
    [65_536, '82 7f 00 00 00 00 00 01 00 00'],
    [2 ** 31, '82 7f 00 00 00 00 80 00 00 00'],
    [2 ** 32 - 1, '82 7f 00 00 00 00 ff ff ff ff'],
    [2 ** 32, '82 7f 00 00 00 01 00 00 00 00'],
    [2 ** 32 + 5, '82 7f 00 00 00 01 00 00 00 05'],
    [Number.MAX_SAFE_INTEGER, '82 7f 00 1f ff ff ff ff ff ff']
  ]
  for (const [length, wanted] of headers) {
    for (const key of KEYS) {
      const target = Buffer.alloc(20, 0xee)
      const end = writeHeader(target, 3, BINARY, length, key)
      const unmasked = hex(wanted)
      const keyBytes = Buffer.alloc(key === null ? 0 : 4)
      if (key !== null) {
        unmasked[1]! |= 0x80
        keyBytes.writeInt32LE(key)
      }
      const whole = Buffer.concat([unmasked, keyBytes])
      t.equal(target.toString('hex', 3, end), whole.toString('hex'), `${length} bytes, key ${key}`)
      t.equal(headerLength(length, key !== null), whole.length, `headerLength of ${length}, key ${key}`)
      const around = target.toString('hex', 0, 3) + target.toString('hex', end)
      t.equal(around, 'ee'.repeat(20 - whole.length), 'and nothing around it')
    }
  }
  t.equal(headerLength(65_536, true), MAX_HEADER, 'the longest header')
})

test('a frame is written where it was told to, and nothing around it', async t => {
  for (const key of KEYS) {
    for (const length of [0, 5, 130, 70_000]) {
      const payload = Buffer.alloc(length, 'p')
      const wanted = encode(BINARY, payload, key)
      const target = Buffer.alloc(wanted.length + 12, 0xee)
      const end = writeFrame(target, 5, BINARY, payload, key)
      t.equal(end, 5 + wanted.length)
      t.ok(target.subarray(5, end).equals(wanted), `${length} bytes, key ${key}`)
      t.equal(target.toString('hex', 0, 5) + target.toString('hex', end), 'ee'.repeat(12))
      t.equal(payload.toString(), 'p'.repeat(length), 'the payload itself is not masked')
    }
  }
})

test('a text frame from a string equals the frame of its UTF-8', async t => {
  const messages = [
    '', 'a', 'é€😀', 'x'.repeat(125), '€'.repeat(42), 'x'.repeat(65_535), '😀'.repeat(16_384), '\ud800 alone'
  ]
  for (const key of KEYS) {
    for (const message of messages) {
      const target = Buffer.alloc(Buffer.byteLength(message) + 30, 0xee)
      const end = writeTextFrame(target, 7, TEXT, message, Buffer.byteLength(message), key)
      const wanted = encode(TEXT, Buffer.from(message), key)
      t.ok(target.subarray(7, end).equals(wanted), `${message.length} units, key ${key}`)
      t.equal(target.toString('hex', 0, 7), 'ee'.repeat(7))
      t.match(target.toString('hex', end), /^(ee)+$/)
    }
  }
})

test('frames read back by an independent reader are the same', async t => {
  for (const key of KEYS) {
    for (const length of LENGTHS) {
      const payload = Buffer.from(Array.from({ length }, (_, i) => i * 13))
      const wire = encode(BINARY, payload, key)
      const read = readFrame(wire)!
      const { payload: found, ...rest } = read
      t.same(rest, { fin: true, rsv: 0, opcode: BINARY, masked: key !== null, size: wire.length })
      t.ok(found.equals(payload), `${length} bytes, key ${key}`)
    }
  }
})

for (const [role, keys] of [['server', KEYS.slice(1)], ['client', [null]]] as const) {
  test(`what is written for the ${role} role is read as it was`, async t => {
    for (const key of keys) {
      for (const length of LENGTHS) {
        const payload = Buffer.from(Array.from({ length }, (_, i) => i * 13))
        const message = '€'.repeat(length / 3) + 'x'.repeat(length % 3)
        const wire = Buffer.concat([encode(BINARY, payload, key), encodeText(message, key)])
        const ways = key === null || key === KEY ? splits(wire, 2) : [{ name: 'whole', chunks: [wire] }]
        for (const { name, chunks } of ways) {
          const reader = messageReader(role)
          for (const chunk of chunks) reader.decoder.push(chunk)
          t.same(reader.events(), [binary(payload), text(message)], `${length} bytes, key ${key}, ${name}`)
        }
      }
      const control = Buffer.concat([
        encode(PING, Buffer.alloc(125, 'p'), key),
        encode(PONG, Buffer.alloc(0), key),
        encode(CLOSE, closePayload(4999, 'é'), key)
      ])
      const reader = messageReader(role)
      reader.decoder.push(control)
      t.same(reader.events(), [`ping ${'p'.repeat(125)}`, 'pong ', 'close 4999 é'])
    }
  })
}

test('what is written for one role is refused by the other (§5.1)', async t => {
  const sink = { onText () {}, onBinary () {}, onPing () {}, onPong () {}, onClose () {} }
  const server = new FrameDecoder('server', new MessageAssembler(sink, 100))
  const client = new FrameDecoder('client', new MessageAssembler(sink, 100))
  t.throws(() => server.push(encodeText('a', null)), { name: 'ProtocolError', message: /must be masked/ })
  t.throws(() => client.push(encodeText('a', KEY)), { name: 'ProtocolError', message: /must not be masked/ })
})

test('the payload of a close frame is its code and its reason (§5.5.1)', async t => {
  const payloads: Array<[number, string, string]> = [
    [1000, '', '03e8'],
    [1001, 'bye', '03e9 627965'],
    [4999, 'é€', '1387 c3a9 e282ac'],
    [3000, 'r'.repeat(123), `0bb8 ${'72'.repeat(123)}`]
  ]
  for (const [code, reason, wanted] of payloads) {
    t.equal(closePayload(code, reason).toString('hex'), wanted.replaceAll(' ', ''))
  }
})
