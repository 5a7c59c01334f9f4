import { deepEqual } from 'node:assert/strict'
import * as fc from 'fast-check'
import { decode, type Outcome } from '../support/decode.ts'
import { acts, conversation, cuts, maxPayload, pieces, role, stream, wire } from './arbitraries.ts'
import { holds } from './holds.ts'

/** Which chunk was the decisive one depends on the chunks. */
function comesTo ({ taken: _taken, ...rest }: Outcome): Omit<Outcome, 'taken'> {
  return rest
}

holds('what breaks no rule is handed on, cut and paused anywhere', 800,
  fc.property(role, conversation, cuts, acts, (role, { frames, events }, cuts, acts) => {
    const outcome = decode(role, pieces(wire(role, frames), cuts), { acts })
    deepEqual(comesTo(outcome), { events, code: 0, message: '' })
  }))

holds('any bytes come to the same, cut and paused anywhere', 2500,
  fc.property(stream, maxPayload, cuts, acts, ({ role, bytes }, maxPayload, cuts, acts) => {
    const whole = decode(role, [bytes], { maxPayload })
    deepEqual(comesTo(decode(role, pieces(bytes, cuts), { maxPayload, acts })), comesTo(whole))
  }))

holds('a beginning of the bytes comes to a beginning of what they come to', 800,
  fc.property(stream, fc.nat(), ({ role, bytes }, end) => {
    const whole = decode(role, [bytes])
    const part = decode(role, [bytes.subarray(0, end % (bytes.length + 1))])
    deepEqual(part.events, whole.events.slice(0, part.events.length))
    if (part.code !== 0) deepEqual(comesTo(part), comesTo(whole))
  }))

holds('nothing that follows the end changes it', 500,
  fc.property(stream, fc.uint8Array({ minLength: 1, maxLength: 40 }), cuts, ({ role, bytes }, more, cuts) => {
    const whole = decode(role, [bytes])
    fc.pre(whole.code !== 0 || (whole.events.at(-1) ?? '').startsWith('close '))
    const longer = decode(role, pieces(Buffer.concat([bytes, more]), cuts))
    deepEqual(comesTo(longer), comesTo(whole))
  }))
