import { AsyncLocalStorage } from 'node:async_hooks'
import { test } from 'tap'
import { Inflater } from '../../lib/deflate/inflater.ts'
import { deflate, PeerDeflater } from '../support/deflate.ts'
import { noise } from '../support/splits.ts'
import {
  block, END, hex, Inflating, json, KIB, LARGE, left, MIB, repeated, swelling, SYNC, watchZlib
} from './support.ts'

const TOO_FAR = { closeCode: 1007, message: /^a compressed message cannot be inflated: .*distance too far back/ }

/** A message, and whether it is inflated in the calling thread when nothing came before it. */
type Message = [name: string, message: Buffer, atOnce: boolean]

const MESSAGES: Message[] = [
  ['one byte', hex('ff'), true],
  ['a few words', Buffer.from('Hello, hello, hello!'), true],
  ['a kibibyte of JSON', json(KIB), true],
  ['noise in more than one slice', noise(5 * KIB), true],
  ['JSON that swells to 100 KiB', json(100 * KIB).fill('x', 20 * KIB), true],
  ['noise in more than 16 KiB', noise(20 * KIB), false],
  ['JSON in more than 16 KiB', json(100 * KIB), false],
  ['little that swells to 256 KiB', swelling(256 * KIB), false]
]

for (const windowBits of [8, 9, 10, 11, 12, 13, 14, 15]) {
  // zlib deflates with 2^9 bytes at least, but refers to no more than 2^8 of them.
  const options = { windowBits: Math.max(9, windowBits) }

  test(`messages are inflated with a window of 2^${windowBits}`, async t => {
    const inflating = new Inflating({ windowBits })
    for (const [name, message, atOnce] of [...MESSAGES, ...MESSAGES.toReversed()]) {
      const result = await inflating.inflate(deflate(message, options))
      t.ok(result.message.equals(message), name)
      if (windowBits === 15) t.equal(result.atOnce, atOnce, `${name}, ${atOnce ? 'at once' : 'later'}`)
    }
    inflating.close()
  })

  test(`messages that refer to those before are inflated with a window of 2^${windowBits}`, async t => {
    const peer = new PeerDeflater(options)
    const inflating = new Inflating({ windowBits, contextTakeover: true })
    const far = noise(2 ** windowBits - 300)
    for (const [name, message] of [...MESSAGES, ...MESSAGES.toReversed()]) {
      for (const again of [message, far, far]) {
        const deflated = await peer.deflate(again)
        t.ok((await inflating.inflate(deflated)).message.equals(again), name)
      }
    }
    inflating.close()
  })
}

// From 2^14 on, zlib's room for its output reaches as far back as anybody can refer to.
for (const windowBits of [8, 9, 10, 11, 12, 13]) {
  test(`a window of 2^${windowBits} has no more room than that`, async t => {
    const data = deflate(repeated(2 ** windowBits + 2 * KIB))
    const inflating = new Inflating({ windowBits })
    await t.rejects(inflating.inflate(data), TOO_FAR)
    t.equal((await new Inflating().inflate(data)).message.length, 2 * (2 ** windowBits + 2 * KIB))
  })
}

test('an empty message is one byte of data, or none (RFC 7692 §7.2.3.6)', async t => {
  for (const contextTakeover of [false, true]) {
    const inflating = new Inflating({ contextTakeover })
    for (const data of ['00', '', 'f2 48 cd c9 c9 07 00', '', '00', '00', '02 00']) {
      const { message, atOnce } = await inflating.inflate(hex(data))
      t.equal(message.toString(), data.startsWith('f2') ? 'Hello' : '', data)
      t.ok(atOnce)
    }
  }
})

test('without context takeover a message knows nothing of those before it', async t => {
  const inflating = new Inflating()
  await inflating.inflate(hex('f2 48 cd c9 c9 07 00'))
  await t.rejects(inflating.inflate(hex('f2 00 11 00 00')), TOO_FAR)
  const secret = noise(20 * KIB)
  const peer = new PeerDeflater()
  await inflating.inflate(await peer.deflate(secret))
  await t.rejects(inflating.inflate(await peer.deflate(secret)), TOO_FAR, 'after a large one')
})

test('with context takeover each connection has a context of its own', async t => {
  const pairs = [1, 2, 3].map(seed => ({
    peer: new PeerDeflater(), inflating: new Inflating({ contextTakeover: true }), text: noise(300, seed)
  }))
  for (const round of [0, 1, 2]) {
    for (const { peer, inflating, text } of pairs) {
      const data = await peer.deflate(text)
      t.ok(round === 0 || data.length < 20, 'it refers to the last message')
      t.ok((await inflating.inflate(data)).message.equals(text))
    }
  }
})

test('without context takeover connections share a context for each size of window', async t => {
  const { streams } = watchZlib(t, 'inflate')
  for (let i = 0; i < 20; i++) {
    for (const windowBits of [10, 11, 12]) {
      t.same((await new Inflating({ windowBits }).inflate(deflate(json(KIB), { windowBits }))).message, json(KIB))
    }
  }
  t.equal(streams.size, 3)
})

test('a message is the receiver’s to keep and to change', async t => {
  for (const contextTakeover of [false, true]) {
    const peer = new PeerDeflater()
    const inflating = new Inflating({ contextTakeover })
    const kept: Array<[Buffer, Buffer]> = []
    for (let i = 0; i < 30; i++) {
      const message = i % 3 === 0 ? noise(20 * KIB, i) : json(100 * (i + 1))
      for (let again = 0; again < 2; again++) {
        const data = contextTakeover ? await peer.deflate(message) : deflate(message)
        const result = await inflating.inflate(data)
        kept.push([result.message, message])
        if (again === 0) result.message.fill(0)
      }
    }
    t.ok(kept.every(([result, message], i) => i % 2 === 0 ? result.every(byte => byte === 0) : result.equals(message)))
    inflating.close()
  }
})

test('large messages of many connections are inflated four at a time, and each connection gets its own', async t => {
  const watched = watchZlib(t, 'inflate')
  await Promise.all(Array.from({ length: 25 }, async (_, i) => {
    const message = i % 2 === 0 ? noise(LARGE, i) : json(100 * KIB + i)
    const inflating = new Inflating({ contextTakeover: i % 3 === 0 })
    for (let round = 0; round < 2; round++) {
      const result = await inflating.inflate(deflate(message))
      t.ok(result.message.equals(message))
      t.notOk(result.atOnce)
    }
    inflating.close()
  }))
  t.equal(watched.busiest, 4)
  t.equal(left(watched), 0, 'nothing is left')
})

test('data of 16 KiB is inflated at once, and of a byte more later', async t => {
  for (const contextTakeover of [false, true]) {
    for (const [length, atOnce] of [[SYNC, true], [SYNC + 1, false]] as const) {
      const message = noise(length - 6)
      const data = Buffer.concat([block(message), END])
      t.equal(data.length, length)
      const result = await new Inflating({ contextTakeover }).inflate(data)
      t.ok(result.message.equals(message))
      t.equal(result.atOnce, atOnce)
    }
  }
})

test('what goes over to the thread pool waits in a place of its own', async t => {
  const swells = swelling(256 * KIB)
  const data = deflate(swells)
  const large = Array.from({ length: 4 }, () => new Inflating().inflate(deflate(noise(LARGE))))
  const waiting = [false, true].map(contextTakeover => new Inflating({ contextTakeover }).inflate(data))
  t.same((await new Inflating().inflate(deflate(noise(15 * KIB)))).message, noise(15 * KIB))
  for (const { message } of await Promise.all(waiting)) t.ok(message.equals(swells))
  await Promise.all(large)
})

test('a small message does not wait for the large ones of others', async t => {
  const large = Array.from({ length: 8 }, () => new Inflating().inflate(deflate(noise(LARGE))))
  t.ok((await new Inflating().inflate(deflate(json(KIB)))).atOnce)
  await Promise.all(large)
})

test('what comes later comes in the asynchronous context of its own connection', async t => {
  const storage = new AsyncLocalStorage<string>()
  const data = [deflate(swelling(256 * KIB)), deflate(noise(LARGE))]
  // What is shared is made in the first one's.
  await storage.run('first', () => new Inflating().inflate(deflate(json(KIB))))
  for (const one of data) {
    const seen = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(name => storage.run(name, async () => {
      return await new Promise<string>((resolve, reject) => {
        const host = { onInflated: () => resolve(`${name} ${storage.getStore()}`), onInflateFailed: reject }
        new Inflater({ contextTakeover: false, windowBits: 15 }, MIB, host).inflate(one)
      })
    })))
    t.same(seen, ['a a', 'b b', 'c c', 'd d', 'e e', 'f f'])
  }
})

for (const contextTakeover of [false, true]) {
  const name = contextTakeover ? 'with' : 'without'

  test(`after close nothing comes any more, ${name} context takeover`, async t => {
    const watched = watchZlib(t, 'inflate')
    const data = deflate(noise(LARGE))
    const broken = Buffer.from(data).fill(0xff, LARGE / 2)
    const closed = [data, broken, data, broken, data, broken].map(data => {
      const inflating = new Inflating({ contextTakeover })
      void inflating.inflate(data)
      inflating.close()
      return inflating
    })
    const others = Array.from({ length: 12 }, () => new Inflating().inflate(data))
    await Promise.all(others)
    t.same(closed.map(({ unexpected }) => unexpected), closed.map(() => 0))
    t.ok(watched.streams.size < closed.length + others.length, 'what nobody waits for is not begun')
    t.equal(left(watched), 0, 'and no memory is kept')
  })
}

test('with context takeover there is one context from the first message on, and none after close', async t => {
  const { streams } = watchZlib(t, 'inflate')
  const peer = new PeerDeflater()
  const inflating = new Inflating({ contextTakeover: true })
  for (const message of [json(KIB), noise(LARGE), json(KIB)]) await inflating.inflate(await peer.deflate(message))
  t.equal(streams.size, 1)
  t.notOk([...streams][0]!.destroyed)
  inflating.close()
  t.ok([...streams][0]!.destroyed)
})

test('close before any message, and more than once', async t => {
  for (const contextTakeover of [false, true]) {
    const inflating = new Inflating({ contextTakeover })
    inflating.close()
    inflating.close()
    const used = new Inflating({ contextTakeover })
    await used.inflate(deflate(json(KIB)))
    used.close()
    used.close()
  }
  t.same((await new Inflating().inflate(deflate(json(KIB)))).message, json(KIB), 'what is shared stays open')
})
