import { deepEqual, equal, ok } from 'node:assert/strict'
import * as fc from 'fast-check'
import { closePayload } from '../../lib/protocol/close-payload.ts'
import type { Role } from '../../lib/protocol/frame-decoder.ts'
import {
  headerLength, MAX_HEADER, SHORT_TEXT, writeFrame, writeHeader, writeShortText, writeTextFrame
} from '../../lib/protocol/frame-encoder.ts'
import { BINARY, CLOSE, PING, TEXT } from '../../lib/protocol/opcode.ts'
import { decode } from '../support/decode.ts'
import { readFrame } from '../support/frames.ts'
import { bytes, type Cuts, cuts, latin1, pieces, role, text } from './arbitraries.ts'
import { holds } from './holds.ts'

/** The key of a client's frame, for the endpoint that reads it; a server's has none. */
const keys = fc.oneof(fc.constantFrom(0, -1, 1, 0x7fffffff), fc.integer())
const at = fc.nat({ max: 20 })
/** What must stay as it was around a frame. */
const AROUND = 0x5a

/** Any UTF-16, halves of surrogate pairs included. */
const unit = fc.oneof(fc.nat({ max: 0xffff }), fc.integer({ min: 0xd800, max: 0xdfff }), fc.nat({ max: 0xff }))
const utf16 = fc.array(unit, { maxLength: 50 }).map(units => String.fromCharCode(...units))

const reasons = fc.string({ unit: 'binary', maxLength: 30 })

/** Sizes on both sides of each form of the length, and others. */
const lengths = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 100_000) },
  { weight: 1, arbitrary: fc.nat({ max: 400 }) }
)

/** What a write leaves, after looking at the bytes around it. */
function written (at: number, room: number, write: (target: Buffer, at: number) => number): Buffer {
  const target = Buffer.alloc(at + room + 20, AROUND)
  const end = write(target, at)
  ok(target.subarray(0, at).every(byte => byte === AROUND), 'bytes before the frame')
  ok(target.subarray(end).every(byte => byte === AROUND), 'bytes after the frame')
  return target.subarray(at, end)
}

/** One frame, by a reader that owes nothing to lib/, then by ours. */
function check (role: Role, wire: Buffer, payload: Buffer, cuts: Cuts, event: string): void {
  const { size, masked, payload: read, fin, rsv } = readFrame(wire)!
  deepEqual({ size, masked, fin, rsv }, { size: wire.length, masked: role === 'server', fin: true, rsv: 0 })
  ok(read.equals(payload))
  equal(wire.length, headerLength(payload.length, masked) + payload.length)
  const parts = pieces(wire, cuts === 'every byte' && payload.length > 1000 ? [] : cuts)
  const { events, code, message } = decode(role, parts)
  deepEqual({ code, message, count: events.length }, { code: 0, message: '', count: 1 })
  // A diff of two large strings would take longer than the test.
  ok(events[0] === event, `came out as ${events[0]!.slice(0, 100)}`)
}

holds('a binary message comes out as it went in', 800,
  fc.property(role, fc.oneof(bytes, lengths.map(length => Buffer.alloc(length, 'binary'))), keys, at, cuts,
    (role, payload, key, at, cuts) => {
      const wire = written(at, MAX_HEADER + payload.length, (target, at) =>
        writeFrame(target, at, BINARY, payload, role === 'server' ? key : null))
      check(role, wire, Buffer.from(payload), cuts, `binary ${latin1(payload)}`)
    }))

holds('a text comes out as it went in, halves of surrogate pairs replaced', 800,
  fc.property(role, fc.oneof(text, utf16), lengths, fc.boolean(), keys, at, cuts,
    (role, characters, length, long, key, at, cuts) => {
      const content = long ? 'x'.repeat(Math.max(0, length - Buffer.byteLength(characters))) + characters : characters
      const payload = Buffer.from(content)
      const wire = written(at, MAX_HEADER + payload.length, (target, at) =>
        writeTextFrame(target, at, TEXT, content, payload.length, role === 'server' ? key : null))
      check(role, wire, payload, cuts, `text ${payload.toString()}`)
    }))

holds('a short text comes out as it went in', 1500,
  fc.property(role, fc.oneof(text, utf16), keys, at, cuts, (role, characters, key, at, cuts) => {
    const content = characters.slice(0, SHORT_TEXT)
    const payload = Buffer.from(content)
    const wire = written(at, MAX_HEADER + payload.length + SHORT_TEXT, (target, at) => {
      const end = writeShortText(target, at, TEXT, content, role === 'server' ? key : null)
      // It may use the room up to three bytes for each character.
      target.fill(AROUND, end)
      return end
    })
    check(role, wire, payload, cuts, `text ${payload.toString()}`)
  }))

holds('control frames come out as they went in', 500,
  fc.property(role, fc.uint8Array({ maxLength: 125 }), keys, at, cuts, (role, payload, key, at, cuts) => {
    const wire = written(at, MAX_HEADER + payload.length, (target, at) =>
      writeFrame(target, at, PING, payload, role === 'server' ? key : null))
    check(role, wire, Buffer.from(payload), cuts, `ping ${latin1(payload)}`)
  }))

holds('a close frame comes out as it went in', 500,
  fc.property(role, fc.constantFrom(1000, 1003, 1007, 1014, 3000, 4999), reasons, keys, cuts,
    (role, code, reason, key, cuts) => {
      const payload = closePayload(code, reason)
      const wire = written(0, MAX_HEADER + payload.length, (target, at) =>
        writeFrame(target, at, CLOSE, payload, role === 'server' ? key : null))
      check(role, wire, payload, cuts, `close ${code} ${reason}`)
    }))

holds('the header of any length says that length', 500,
  fc.property(fc.oneof(fc.maxSafeNat(), lengths), fc.option(keys), at, (length, key, at) => {
    const wire = written(at, MAX_HEADER, (target, at) => writeHeader(target, at, BINARY, length, key))
    equal(wire.length, headerLength(length, key !== null))
    const short = wire[1]! & 0x7f
    const read = short === 127 ? Number(wire.readBigUInt64BE(2)) : short === 126 ? wire.readUInt16BE(2) : short
    equal(read, length)
  }))
