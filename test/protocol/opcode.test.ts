import { test } from 'tap'
import {
  BINARY, CLOSE, CONTINUATION, isControl, isKnown, PING, PONG, TEXT
} from '../../lib/protocol/opcode.ts'

const ALL = Array.from({ length: 16 }, (_, opcode) => opcode)

test('the opcodes have the values of RFC 6455 §11.8', async t => {
  t.same([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG], [0, 1, 2, 8, 9, 10])
})

test('the opcodes with the top bit are those of control frames (§5.5)', async t => {
  t.same(ALL.filter(isControl), [8, 9, 10, 11, 12, 13, 14, 15])
})

test('the opcodes 3 to 7 and 11 to 15 are reserved (§5.2)', async t => {
  t.same(ALL.filter(isKnown), [0, 1, 2, 8, 9, 10])
})
