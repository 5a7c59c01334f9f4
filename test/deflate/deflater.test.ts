import { syncBuiltinESMExports } from 'node:module'
import zlib from 'node:zlib'
import { test } from 'tap'
import { inflateStrictly } from '../support/deflate.ts'
import { noise } from '../support/splits.ts'
import {
  Deflating, hex, IDLE, Inflating, json, KIB, LARGE, left, MIB, repeated, replaceZlib, type Result, SYNC, watchZlib
} from './support.ts'

const HELLO = Buffer.from('Hello')

test('the example of RFC 7692 §7.2.3.2, byte for byte: the same message twice, sharing the window', async t => {
  for (const level of [1, 6, 9]) {
    const deflating = new Deflating({ contextTakeover: true }, { level })
    t.same(await deflating.deflate(HELLO), { message: hex('f2 48 cd c9 c9 07 00'), atOnce: true })
    t.same(await deflating.deflate(HELLO), { message: hex('f2 00 11 00 00'), atOnce: true })
    deflating.close()
  }
})

const texts: Array<[name: string, message: Buffer, atOnce: boolean]> = [
  ['a word that comes again', Buffer.from('Hello'.repeat(10)), true],
  ['a kibibyte of JSON', json(KIB), true],
  ['JSON of 16 KiB', json(SYNC), true],
  ['JSON of a byte more', json(SYNC + 1), false],
  ['JSON of 300 KiB', json(300 * KIB), false],
  ['zeros of 1 MiB', Buffer.alloc(MIB), false]
]

for (const windowBits of [8, 9, 10, 11, 12, 13, 14, 15]) {
  test(`messages are deflated for a window of 2^${windowBits}`, async t => {
    const deflating = new Deflating({ windowBits })
    for (const [name, message, atOnce] of [...texts, ...texts.toReversed()]) {
      const copy = Buffer.from(message)
      const result = await deflating.deflate(copy)
      t.ok(copy.equals(message), `${name} is left as it was`)
      t.ok(inflateStrictly([result.message], windowBits).equals(message), name)
      t.ok(result.message.length < message.length, `${name} becomes smaller`)
      t.equal(result.atOnce, atOnce)
    }
    deflating.close()
  })

  test(`messages that refer to those before are deflated for a window of 2^${windowBits}`, async t => {
    const deflating = new Deflating({ windowBits, contextTakeover: true })
    // Just out of reach, where a larger window would find it.
    const far = repeated(2 ** windowBits + 100)
    const messages = [far, HELLO, ...texts.map(([, message]) => message), noise(20 * KIB), HELLO]
    const deflated: Buffer[] = []
    for (const message of messages) deflated.push((await deflating.deflate(message)).message)
    t.ok(inflateStrictly(deflated, windowBits).equals(Buffer.concat(messages)))
    deflating.close()
  })
}

test('the window is used as far as it reaches', async t => {
  for (const windowBits of [9, 10, 11, 12, 13, 14, 15]) {
    // zlib keeps 262 bytes for what is to come.
    const deflating = new Deflating({ windowBits })
    const distance = 2 ** windowBits - 262
    const { message } = await deflating.deflate(repeated(distance))
    t.ok(message.length < distance * 1.2 + 20, `${message.length} of ${2 * distance} bytes`)
  }
})

test('the settings are zlib’s', async t => {
  const text = json(10 * KIB)
  const sizes: number[] = []
  for (const [level, memLevel] of [[1, 8], [9, 8], [9, 1]] as const) {
    const { message } = await new Deflating({}, { level, memLevel }).deflate(text)
    t.ok(inflateStrictly([message]).equals(text))
    sizes.push(message.length)
  }
  t.ok(sizes[1]! < sizes[0]!, 'a higher level makes it smaller')
  t.ok(sizes[1]! < sizes[2]!, 'and so does more memory')
})

const incompressible: Array<[name: string, message: Buffer, atOnce: boolean]> = [
  ['one byte', noise(1), true],
  ['a word', HELLO, true],
  ['noise', noise(KIB), true],
  ['noise of 16 KiB', noise(SYNC), true],
  ['noise of more', noise(LARGE), false]
]
for (const [name, message, atOnce] of incompressible) {
  test(`what does not become smaller is returned as it was: ${name}`, async t => {
    const deflating = new Deflating()
    for (let i = 0; i < 2; i++) {
      const result = await deflating.deflate(message)
      t.equal(result.message, message, 'the same buffer')
      t.equal(result.atOnce, atOnce)
    }
  })

  test(`with context takeover the peer has to see it all the same: ${name}`, async t => {
    const deflating = new Deflating({ contextTakeover: true })
    const deflated: Result[] = []
    for (let i = 0; i < 2; i++) deflated.push(await deflating.deflate(message))
    t.not(deflated[0]!.message, message)
    t.ok(deflated[0]!.message.length > message.length)
    t.ok(inflateStrictly(deflated.map(({ message }) => message)).equals(Buffer.concat([message, message])))
  })
}

test('a message that would stay as long is returned as it was, one that loses a byte is deflated', async t => {
  const deflating = new Deflating()
  const results: boolean[] = []
  for (let run = 1; run < 40; run++) {
    const message = Buffer.concat([noise(10), Buffer.alloc(run, 'x')])
    const { message: deflated } = await deflating.deflate(message)
    results.push(deflated === message)
    t.ok(deflated === message || (deflated.length < message.length && inflateStrictly([deflated]).equals(message)))
    // Longer runs do not make it longer, so there is one that makes it as long as the message.
    if (deflated !== message && results.at(-2)) t.equal(deflated.length, message.length - 1)
  }
  t.ok(results[0] && !results.at(-1))
})

test('noise of every length around the size of zlib’s buffer can be inflated', async t => {
  const whole = noise(16 * KIB)
  const fresh = new Deflating({ contextTakeover: true })
  const deflated: Buffer[] = []
  const messages: Buffer[] = []
  for (let length = 16 * KIB - 40; length <= 16 * KIB; length++) {
    messages.push(whole.subarray(0, length))
    deflated.push((await new Deflating({ contextTakeover: true }).deflate(messages.at(-1)!)).message)
    if (!inflateStrictly([deflated.at(-1)!]).equals(messages.at(-1)!)) t.fail(`${length} bytes`)
  }
  const together: Buffer[] = []
  for (const message of messages) together.push((await fresh.deflate(message)).message)
  t.ok(inflateStrictly(together).equals(Buffer.concat(messages)))
})

test('without context takeover a message does not refer to those before it', async t => {
  const deflating = new Deflating()
  for (const message of [json(KIB), json(KIB), json(LARGE), json(LARGE), json(KIB)]) {
    t.ok(inflateStrictly([(await deflating.deflate(message)).message]).equals(message))
  }
})

test('with context takeover each connection has a context of its own', async t => {
  const connections = [1, 2, 3].map(seed => {
    return { text: noise(300, seed), deflating: new Deflating({ contextTakeover: true }) }
  })
  for (const round of [0, 1, 2]) {
    for (const { text, deflating } of connections) {
      const { message } = await deflating.deflate(text)
      t.equal(message.length < 20, round > 0, 'it refers to the last message and to none of another connection')
    }
  }
})

test('without context takeover connections share a context for each kind of settings', async t => {
  const { streams } = watchZlib(t, 'deflate')
  const text = json(KIB)
  const kinds = [{}, { level: 6 }, { memLevel: 5 }, { level: 6, memLevel: 5 }]
  const lengths = new Set<number>()
  for (let i = 0; i < 20; i++) {
    for (const windowBits of [8, 13]) {
      for (const settings of kinds) {
        const { message } = await new Deflating({ windowBits }, settings).deflate(text)
        t.ok(inflateStrictly([message], windowBits).equals(text))
        lengths.add(message.length)
      }
    }
  }
  t.equal(streams.size, 2 * kinds.length)
  t.ok(lengths.size >= 3, 'each as it was asked for')
})

test('large messages of many connections are deflated four at a time, and each connection gets its own', async t => {
  const watched = watchZlib(t, 'deflate')
  await Promise.all(Array.from({ length: 25 }, async (_, i) => {
    const message = json(100 * KIB + i)
    const deflating = new Deflating({ contextTakeover: i % 3 === 0 })
    const deflated = [await deflating.deflate(message), await deflating.deflate(message)]
    const separate = i % 3 === 0 ? [deflated] : deflated.map(one => [one])
    for (const together of separate) {
      const wanted = Buffer.concat(together.map(() => message))
      t.ok(inflateStrictly(together.map(({ message }) => message)).equals(wanted))
    }
    deflating.close()
  }))
  t.equal(watched.busiest, 4)
  t.ok(left(watched) <= IDLE, 'nothing is left but what is shared')
})

for (const contextTakeover of [false, true]) {
  test(`after close nothing comes any more, contextTakeover: ${contextTakeover}`, async t => {
    const watched = watchZlib(t, 'deflate')
    const closed = Array.from({ length: 6 }, () => {
      const deflating = new Deflating({ contextTakeover })
      void deflating.deflate(json(LARGE))
      deflating.close()
      return deflating
    })
    const others = Array.from({ length: 12 }, () => new Deflating().deflate(json(LARGE)))
    await Promise.all(others)
    t.same(closed.map(({ unexpected }) => unexpected), closed.map(() => 0))
    t.ok(watched.streams.size < closed.length + others.length, 'what nobody waits for is not begun')
    t.ok(left(watched) <= IDLE, 'and no memory is kept but what is shared')
  })
}

test('with context takeover there is one context from the first message on, and none after close', async t => {
  const { streams } = watchZlib(t, 'deflate')
  const deflating = new Deflating({ contextTakeover: true })
  for (const message of [json(KIB), json(LARGE), json(KIB)]) await deflating.deflate(message)
  t.equal(streams.size, 1)
  t.notOk([...streams][0]!.destroyed)
  deflating.close()
  deflating.close()
  t.ok([...streams][0]!.destroyed)
})

test('close without any message', async t => {
  new Deflating().close()
  new Deflating({ contextTakeover: true }).close()
  t.ok((await new Deflating().deflate(json(KIB))).message.length < KIB, 'what is shared stays open')
})

const OUT_OF_MEMORY = new Error('out of memory')

test('zlib that cannot even be set up fails one message, and the next ones are right', async t => {
  const { DeflateRaw, InflateRaw } = zlib
  const restore = (): void => {
    Object.assign(zlib, { DeflateRaw, InflateRaw })
    syncBuiltinESMExports()
  }
  t.teardown(restore)
  Object.assign(zlib, { DeflateRaw: function () { throw OUT_OF_MEMORY }, InflateRaw: null })
  syncBuiltinESMExports()
  // As no other test has them: what has been set up before is used again.
  const [level, windowBits] = [7, 11]
  for (let i = 0; i < 6; i++) {
    for (const contextTakeover of [false, true]) {
      await t.rejects(new Deflating({ contextTakeover }, { level }).deflate(json(LARGE)), /out of memory/)
      await t.rejects(new Deflating({ contextTakeover }, { level }).deflate(json(KIB)), /out of memory/)
      await t.rejects(new Inflating({ contextTakeover, windowBits }).inflate(noise(LARGE)), /not supported/)
    }
  }
  restore()
  const { message } = await new Deflating({ windowBits }, { level }).deflate(json(LARGE))
  t.ok((await new Inflating({ windowBits }).inflate(message)).message.equals(json(LARGE)))
})

for (const contextTakeover of [false, true]) {
  test(`zlib fails in the calling thread, contextTakeover: ${contextTakeover}`, async t => {
    const { streams } = watchZlib(t, 'deflate')
    await new Deflating().deflate(json(KIB))
    const restore = replaceZlib(t, 'deflate', { _processChunk () { throw OUT_OF_MEMORY } })
    const deflating = new Deflating({ contextTakeover })
    await t.rejects(deflating.deflate(json(KIB)), /out of memory/)
    await t.rejects(deflating.deflate(json(KIB)), /out of memory/)
    deflating.close()
    restore()
    const after = watchZlib(t, 'deflate')
    t.ok(inflateStrictly([(await new Deflating().deflate(json(KIB))).message]).equals(json(KIB)))
    t.equal(after.streams.has([...streams][0]!), contextTakeover, 'what is shared is replaced only if it has failed')
    t.equal(deflating.unexpected, 0)
  })

  test(`zlib fails in the thread pool, contextTakeover: ${contextTakeover}`, async t => {
    const restore = replaceZlib(t, 'deflate', {
      _transform (_chunk, _encoding, done) { setImmediate(done, OUT_OF_MEMORY) }
    })
    const failing = Array.from({ length: 6 }, () => new Deflating({ contextTakeover }))
    const closed = failing.pop()!
    const results = Promise.allSettled(failing.map(deflating => deflating.deflate(json(LARGE))))
    void closed.deflate(json(LARGE))
    closed.close()
    const reasons = (await results).map(result => result.status === 'rejected' && result.reason)
    t.same(reasons, failing.map(() => OUT_OF_MEMORY))
    for (const deflating of failing) deflating.close()
    restore()
    const { message } = await new Deflating().deflate(json(LARGE))
    t.ok(inflateStrictly([message]).equals(json(LARGE)), 'later messages are deflated')
    t.equal(closed.unexpected, 0)
  })
}
