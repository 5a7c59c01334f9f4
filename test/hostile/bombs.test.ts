import { type Test, test } from 'tap'
import type { CloseInfo, DeflateOptions } from 'fastify-sockets'
import { deflate, OFFER, RSV1 } from '../support/deflate.ts'
import { masked } from '../support/frames.ts'
import { BINARY, TEXT } from '../support/opcodes.ts'
import { besieged, held, KIB, MIB } from './support.ts'

const MAX_PAYLOAD = 64 * KIB
const PEERS = 20
/** What is inflated in one go becomes 1 MiB before it is found to be too much; zlib may have it twice for a while. */
const SLICE = 2 * MIB

/** Looks in every turn of the event loop how much memory buffers take, until it is asked for the most. */
function watchBuffers (t: Test): () => number {
  let most = 0
  let next: NodeJS.Immediate
  const look = (): void => {
    most = Math.max(most, process.memoryUsage().arrayBuffers)
    next = setImmediate(look)
  }
  look()
  const stop = (): void => { clearImmediate(next) }
  t.teardown(stop)
  return () => {
    stop()
    return most
  }
}

/** A message that is compressed to a thousandth. */
function bomb (size: number): Buffer {
  return deflate(Buffer.alloc(size), { level: 9 })
}

const LARGE = bomb(64 * MIB)
const SMALL = bomb(8 * MIB)
const FRAGMENTED = Buffer.concat([
  masked(TEXT, LARGE.subarray(0, 100), { fin: false, rsv: RSV1 }), masked(0, LARGE.subarray(100))
])

const BOMBS: Array<[name: string, bytes: Buffer]> = [
  ['64 MiB from a message that is inflated in the thread pool', masked(BINARY, LARGE, { rsv: RSV1 })],
  ['8 MiB from one that is inflated at once', masked(BINARY, SMALL, { rsv: RSV1 })],
  ['64 MiB from one that comes in fragments', FRAGMENTED],
  ['again and again 8 MiB, all at once', Buffer.concat(Array(50).fill(masked(TEXT, SMALL, { rsv: RSV1 })))]
]

for (const [name, bytes] of BOMBS) {
  for (const options of [true, { contextTakeover: true }] as Array<boolean | DeflateOptions>) {
    test(`a bomb ends with 1009 and swells no further: ${name}, deflate: ${JSON.stringify(options)}`, async t => {
      const closed: CloseInfo[] = []
      const { open, othersAreServed, isOver } = await besieged(t, socket => {
        socket.on('message', () => { t.fail('a message was delivered') })
        socket.on('close', info => { closed.push(info) })
      }, { ws: { maxPayload: MAX_PAYLOAD, deflate: options } })
      const clients = await Promise.all(Array.from({ length: PEERS }, () => open(OFFER)))
      held()
      const before = process.memoryUsage().arrayBuffers
      const most = watchBuffers(t)
      for (const client of clients) client.write(bytes)
      await othersAreServed()
      for (const client of clients) {
        t.match(await client.close(), { code: 1009, reason: /maxPayload, 65536 bytes/ })
      }
      const grown = most() - before
      t.ok(grown < PEERS * (bytes.length + SLICE + 2 * MAX_PAYLOAD) + 4 * MIB, `${grown} bytes`)
      await Promise.all(clients.map(client => client.end()))
      await isOver()
      t.equal(closed.length, PEERS)
    })
  }
}
