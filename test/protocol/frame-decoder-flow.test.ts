import { test, type Test } from 'tap'
import { FrameDecoder, type FrameSink } from '../../lib/protocol/frame-decoder.ts'
import { frame } from '../support/frames.ts'
import { BINARY } from '../support/opcodes.ts'

/** A client-role decoder that notes what it hands on; `act` runs inside each callback. */
function setUp (): { decoder: FrameDecoder, seen: string[], act: { on: (event: string) => void } } {
  const seen: string[] = []
  const act = { on: (_event: string) => {} }
  const note = (event: string): void => {
    seen.push(event)
    act.on(event)
  }
  const sink: FrameSink = {
    onFrame: (_fin, _rsv1, _opcode, length) => note(`header ${length}`),
    onPayload: (bytes, start, end) => note(bytes.toString('latin1', start, end)),
    onFrameEnd: () => note('end')
  }
  return { decoder: new FrameDecoder('client', sink), seen, act }
}

/** Unmasked frames with these payloads. */
function frames (...payloads: string[]): Buffer {
  return Buffer.concat(payloads.map(payload => frame(BINARY, payload)))
}

/** What was seen since the last call. */
function taken (seen: string[]): string[] {
  return seen.splice(0)
}

test('a pause at the end of a frame holds back the next one until resume', async t => {
  const { decoder, seen, act } = setUp()
  act.on = event => { if (event === 'end') decoder.pause() }
  t.equal(decoder.pending, false, 'nothing waits before the first byte')
  decoder.push(frames('a', 'b', ''))
  t.same(taken(seen), ['header 1', 'a', 'end'])
  t.equal(decoder.pending, true)
  decoder.resume()
  t.same(taken(seen), ['header 1', 'b', 'end'], 'each resume goes on to the next pause')
  t.equal(decoder.pending, true)
  decoder.resume()
  t.same(taken(seen), ['header 0', 'end'])
  t.equal(decoder.pending, false, 'the chunk is used up')
})

for (const moment of ['header 2', 'bc']) {
  test(`a pause at "${moment}" lets that frame through and holds back the next`, async t => {
    const { decoder, seen, act } = setUp()
    act.on = event => { if (event === moment) decoder.pause() }
    decoder.push(frames('a', 'bc', 'd'))
    t.same(taken(seen), ['header 1', 'a', 'end', 'header 2', 'bc', 'end'])
    t.equal(decoder.pending, true)
    decoder.resume()
    t.same(taken(seen), ['header 1', 'd', 'end'])
    t.equal(decoder.pending, false)
  })
}

test('a pause at the last frame of a chunk leaves nothing pending, and the next chunk waits whole', async t => {
  const { decoder, seen, act } = setUp()
  act.on = event => { if (event === 'end') decoder.pause() }
  decoder.push(frames('a'))
  t.same(taken(seen), ['header 1', 'a', 'end'])
  t.equal(decoder.pending, false)
  decoder.push(frames('b'))
  t.same(taken(seen), [])
  t.equal(decoder.pending, true)
  decoder.resume()
  t.same(taken(seen), ['header 1', 'b', 'end'])
  t.equal(decoder.pending, false)
})

test('a pause before the first chunk holds it back; a resume before it comes lets it through', async t => {
  const { decoder, seen } = setUp()
  decoder.pause()
  decoder.push(frames('a'))
  t.same(taken(seen), [])
  t.equal(decoder.pending, true)
  decoder.resume()
  t.same(taken(seen), ['header 1', 'a', 'end'])
  decoder.pause()
  decoder.resume()
  t.same(taken(seen), [], 'with nothing pending a resume hands nothing on')
  decoder.push(frames('b'))
  t.same(taken(seen), ['header 1', 'b', 'end'])
})

test('a pause inside a frame that has not come whole keeps its place', async t => {
  const { decoder, seen, act } = setUp()
  const wire = frames('abcd', 'e')
  act.on = event => { if (event === 'ab') decoder.pause() }
  decoder.push(wire.subarray(0, 4))
  t.same(taken(seen), ['header 4', 'ab'])
  t.equal(decoder.pending, false)
  decoder.push(wire.subarray(4))
  t.same(taken(seen), [], 'the rest of the frame waits')
  t.equal(decoder.pending, true)
  decoder.resume()
  t.same(taken(seen), ['cd', 'end', 'header 1', 'e', 'end'])
  t.equal(decoder.pending, false)
})

test('a second pause changes nothing', async t => {
  const { decoder, seen } = setUp()
  decoder.pause()
  decoder.pause()
  decoder.push(frames('a'))
  decoder.resume()
  t.same(taken(seen), ['header 1', 'a', 'end'])
})

test('an empty chunk is nothing, paused or not', async t => {
  const { decoder, seen } = setUp()
  decoder.push(Buffer.alloc(0))
  t.equal(decoder.pending, false)
  decoder.pause()
  decoder.push(Buffer.alloc(0))
  decoder.resume()
  t.equal(decoder.pending, false)
  t.same(taken(seen), [])
  decoder.push(frames('a'))
  t.same(taken(seen), ['header 1', 'a', 'end'])
})

for (const moment of ['header 1', 'b', 'end']) {
  test(`a resume called at "${moment}" does not hand on anything inside that call`, async t => {
    const { decoder, seen, act } = setUp()
    let depth = 0
    act.on = event => {
      if (depth > 0) t.fail(`"${event}" was handed on inside another call`)
      depth++
      if (event === moment) {
        decoder.pause()
        decoder.resume()
      }
      depth--
    }
    decoder.push(frames('a', 'b', 'c'))
    t.same(taken(seen), ['header 1', 'a', 'end', 'header 1', 'b', 'end', 'header 1', 'c', 'end'])
    t.equal(decoder.pending, false)
  })
}

test('a pause and a resume inside a callback of a resume keep order and lose nothing', async t => {
  const { decoder, seen, act } = setUp()
  decoder.pause()
  decoder.push(frames('a', 'b', 'c'))
  act.on = event => {
    decoder.pause()
    if (event !== 'b') decoder.resume()
  }
  decoder.resume()
  t.same(taken(seen), ['header 1', 'a', 'end', 'header 1', 'b', 'end', 'header 1', 'c', 'end'])
  act.on = event => { if (event === 'end') decoder.pause() }
  decoder.push(frames('d', 'e'))
  t.same(taken(seen), ['header 1', 'd', 'end'])
  t.equal(decoder.pending, true)
})

/** Nothing comes of a decoder whatever is done to it. */
function checkDead (t: Test, decoder: FrameDecoder, seen: string[]): void {
  taken(seen)
  t.equal(decoder.pending, false, 'nothing waits')
  decoder.resume()
  decoder.push(frames('x'))
  decoder.push(Buffer.from([0x83]))
  t.equal(decoder.pending, false, 'nothing is kept')
  decoder.pause()
  decoder.push(frames('y'))
  t.equal(decoder.pending, false, 'nor while paused')
  decoder.resume()
  t.same(taken(seen), [], 'nothing is handed on and nothing throws')
}

test('after stop nothing is accepted, good or bad', async t => {
  const { decoder, seen } = setUp()
  decoder.push(frames('a'))
  t.same(taken(seen), ['header 1', 'a', 'end'])
  decoder.stop()
  checkDead(t, decoder, seen)
})

test('stop drops what a pause had left over', async t => {
  const { decoder, seen, act } = setUp()
  act.on = event => { if (event === 'end') decoder.pause() }
  decoder.push(frames('a', 'b'))
  t.equal(decoder.pending, true)
  decoder.stop()
  checkDead(t, decoder, seen)
})

test('stop inside a frame drops the rest of it', async t => {
  const { decoder, seen } = setUp()
  const wire = frames('abcd')
  decoder.push(wire.subarray(0, 4))
  t.same(taken(seen), ['header 4', 'ab'])
  decoder.stop()
  decoder.push(wire.subarray(4))
  checkDead(t, decoder, seen)
})

for (const paused of [false, true]) {
  test(`stop called at the end of a frame drops the rest of the chunk${paused ? ', in a pause too' : ''}`, async t => {
    const { decoder, seen, act } = setUp()
    act.on = event => {
      if (event !== 'end') return
      if (paused) decoder.pause()
      decoder.stop()
    }
    decoder.push(frames('a', 'b'))
    t.same(taken(seen), ['header 1', 'a', 'end'])
    checkDead(t, decoder, seen)
  })
}

for (const moment of ['header 1', 'b', 'end']) {
  test(`a sink that throws at "${moment}" stops the decoder, and its error comes out as it is`, async t => {
    const { decoder, seen, act } = setUp()
    const wire = frames('b', 'c')
    const refusal = new Error('refused')
    act.on = event => { if (event === moment) throw refusal }
    let thrown: unknown
    try {
      decoder.push(wire)
    } catch (error) {
      thrown = error
    }
    t.equal(thrown, refusal)
    t.same(seen, ['header 1', 'b', 'end'].slice(0, seen.indexOf(moment) + 1), 'nothing after the refusal')
    checkDead(t, decoder, seen)
  })
}

test('a sink that throws at a resume stops the decoder as well', async t => {
  const { decoder, seen, act } = setUp()
  decoder.pause()
  decoder.push(frames('a', 'b'))
  act.on = event => { if (event === 'end') throw new Error('refused') }
  t.throws(() => decoder.resume(), { message: 'refused' })
  checkDead(t, decoder, seen)
})

test('the bytes of a chunk are lent: what a pause left over does not change with them', async t => {
  for (const pausedBefore of [true, false]) {
    const { decoder, seen, act } = setUp()
    act.on = event => { if (event === 'end') decoder.pause() }
    if (pausedBefore) decoder.pause()
    const chunk = frames('a', 'b', 'c')
    decoder.push(chunk)
    chunk.fill('?')
    while (decoder.pending) decoder.resume()
    t.same(taken(seen), ['header 1', 'a', 'end', 'header 1', 'b', 'end', 'header 1', 'c', 'end'])
  }
})

test('only the bytes up to the given end are decoded', async t => {
  const { decoder, seen } = setUp()
  const chunk = frames('a', 'b', 'cd')
  decoder.push(chunk, chunk.length - 1)
  t.same(taken(seen), ['header 1', 'a', 'end', 'header 1', 'b', 'end', 'header 2', 'c'])
  decoder.push(chunk.subarray(-1))
  t.same(taken(seen), ['d', 'end'])
})
