import { test } from 'tap'
import { compressed, deflate, OFFER, original, RSV1 } from '../support/deflate.ts'
import { masked } from '../support/frames.ts'
import { BINARY, PING, TEXT } from '../support/opcodes.ts'
import { until } from '../support/until.ts'
import { besieged } from './support.ts'

/** Not a round number: it lies inside of every unit that something may be counted in. */
const MAX_PAYLOAD = 70_001
const ws = { maxPayload: MAX_PAYLOAD, deflate: { threshold: MAX_PAYLOAD + 2 } }
const TOO_BIG = { code: 1009, reason: /maxPayload, 70001 bytes/ }

/** A message cut into pieces, with some bytes between its frames. */
function cut (opcode: number, message: Buffer, size: number, rsv = 0, between = ''): Buffer {
  const frames = []
  for (let at = 0; at < message.length; at += size) {
    const first = at === 0
    const options = { fin: at + size >= message.length, rsv: first ? rsv : 0 }
    frames.push(Buffer.from(first ? '' : between, 'latin1'))
    frames.push(masked(first ? opcode : 0, message.subarray(at, at + size), options))
  }
  return Buffer.concat(frames)
}

const PINGED = masked(PING, 'still there?').toString('latin1')
const EMPTY = masked(0, '', { fin: false }).toString('latin1')

type Shape = [name: string, write: (opcode: number, message: Buffer) => Buffer]
const SHAPES: Shape[] = [
  ['in one frame', (opcode, message) => masked(opcode, message)],
  ...[7, 125, 126, 1000, 65_535, 65_536, MAX_PAYLOAD - 1, MAX_PAYLOAD].map((size): Shape => [
    `in fragments of ${size}`, (opcode, message) => cut(opcode, message, size)
  ]),
  ['in fragments with empty ones between them', (opcode, message) => cut(opcode, message, 1000, 0, EMPTY)],
  ['in fragments with pings between them', (opcode, message) => cut(opcode, message, 1000, 0, PINGED)],
  ['whole, and an empty last fragment', (opcode, message) => {
    return Buffer.concat([masked(opcode, message, { fin: false }), masked(0)])
  }],
  ['behind an empty first fragment', (opcode, message) => {
    return Buffer.concat([masked(opcode, '', { fin: false }), masked(0, message)])
  }],
  ['compressed', (opcode, message) => compressed(opcode, message)],
  ['compressed, in fragments of 1000', (opcode, message) => cut(opcode, deflate(message), 1000, RSV1)],
  ['compressed, and no smaller', (opcode, message) => masked(opcode, deflate(message, { level: 0 }), { rsv: RSV1 })]
]

const KINDS = [['text', TEXT, 'x'], ['text beyond ASCII', TEXT, 'é'], ['binary', BINARY, '\u0000']] as const
for (const [kind, opcode, byte] of KINDS) {
  test(`a message, ${kind}, may have maxPayload bytes and not one more, in whatever shape it comes`, async t => {
    const received: unknown[] = []
    const { open, isOver } = await besieged(t, socket => {
      socket.on('message', message => {
        received.push(message)
        socket.send(message)
      })
    }, { ws })
    for (const [name, write] of SHAPES) {
      const largest = Buffer.concat([Buffer.from('.'), Buffer.alloc(MAX_PAYLOAD - 1, byte)])
      const client = await open(OFFER)
      client.write(write(opcode, largest))
      let frame
      do frame = await client.frame(); while (frame.opcode !== opcode)
      t.ok(original(frame).equals(largest), `${name}: as it was`)

      received.length = 0
      client.write(write(opcode, Buffer.concat([Buffer.from('.'), largest])))
      do frame = await client.frame(); while (frame.opcode > 8)
      t.match({ code: frame.payload.readUInt16BE(), reason: frame.payload.toString('utf8', 2) }, TOO_BIG, name)
      await client.end()
      t.equal(received.length, 0, `${name}: one more is not delivered`)
    }
    await isOver()
  })
}

const LENGTHS: Array<[name: string, length: bigint]> = [
  ['one more than maxPayload', BigInt(MAX_PAYLOAD) + 1n],
  ['2^31', 2n ** 31n],
  ['2^32', 2n ** 32n],
  // What is left of it in 32 bits would fit.
  ['2^32 + 1', 2n ** 32n + 1n],
  ['2^53 + 1', 2n ** 53n + 1n],
  ['2^63 - 1', 2n ** 63n - 1n]
]
const TOP_BIT: typeof LENGTHS = [
  ['2^63', 2n ** 63n],
  ['2^63 + 5', 2n ** 63n + 5n],
  ['2^64 - 1', 2n ** 64n - 1n]
]

for (const [lengths, code] of [[LENGTHS, 1009], [TOP_BIT, 1002]] as const) {
  for (const [name, announced] of lengths) {
    test(`a length of ${name} is refused with ${code} when it is announced, whatever frame announces it`, async t => {
      const { open, isOver } = await besieged(t, socket => {
        socket.on('message', () => { t.fail('a message was delivered') })
      }, { ws })
      for (const [opcode, fin, before] of [
        [TEXT, true, ''],
        [BINARY, true, ''],
        [BINARY, false, ''],
        [0, true, masked(BINARY, 'x', { fin: false })],
        [0, false, masked(TEXT, 'x', { fin: false })]
      ] as const) {
        const client = await open()
        client.write(Buffer.concat([Buffer.from(before), masked(opcode, '', { fin, announced })]))
        t.equal((await client.close()).code, code)
        await client.end()
      }
      await isOver()
    })
  }
}

test('a fragment that does not fit behind what has come is refused at its header', async t => {
  const { app, open, isOver } = await besieged(t, () => {}, { ws })
  const client = await open()
  const first = masked(BINARY, Buffer.alloc(50_000), { fin: false })
  client.write(first)
  await until(() => app.sockets.stats().bytesIn >= first.length)
  t.equal(client.received.length, 0)
  client.write(masked(0, '', { announced: 65_536n }))
  t.match(await client.close(), TOO_BIG)
  await client.end()
  await isOver()
})

test('a compressed message is refused at its header if nothing that fits could have become so large', async t => {
  const { open, isOver } = await besieged(t, () => {}, { ws })
  const client = await open(OFFER)
  client.write(masked(BINARY, '', { rsv: RSV1, announced: BigInt(2 * MAX_PAYLOAD) }))
  t.match(await client.close(), TOO_BIG)
  await client.end()
  await isOver()
})
