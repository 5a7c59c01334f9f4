/* permessage-deflate (RFC 7692). How much of it was used, the bytes that TCP counted tell. */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { echoes, type Check, type Meeting } from './meeting.ts'
import { binary, MIB, mixed, text } from './visit.ts'

const NO_TAKEOVER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
const COPIES = 8

/** Four bits in each letter: 4 KiB that become 2 KiB, and nothing when it is said again to one who remembers. */
function unlikely (): string {
  return randomBytes(2048).toString('hex')
}

function agreed (t: Test, { report, seen }: Meeting, extensions: string): void {
  t.equal(report.extensions, extensions, 'as the client sees it')
  t.equal(seen.extensions, extensions, 'as the server sees it')
}

const agreements: Check[] = [
  {
    name: 'deflate: agreed on without context takeover, every size of message',
    async run (t, meet) {
      const meeting = await echoes(t, meet, [0, 1, 125, 126, 1023, 1024, 65_535, 65_536, 300_000].flatMap(size => [
        text(mixed(size)), binary(randomBytes(size))
      ]), '/deflate')
      agreed(t, meeting, NO_TAKEOVER)
    }
  },
  {
    name: 'deflate: agreed on with context takeover',
    async run (t, meet) {
      const meeting = await echoes(t, meet, [text(mixed(MIB)), text(''), binary(randomBytes(MIB))], '/deflate-takeover')
      agreed(t, meeting, 'permessage-deflate')
    }
  },
  {
    name: 'deflate: agreed on with the smallest window, which messages share',
    async run (t, meet) {
      const words = Array.from({ length: 20 }, unlikely)
      const send = words.flatMap(word => [text(''), text(word), text(word.slice(-400)), binary(Buffer.from(word.slice(-500)))])
      agreed(t, await echoes(t, meet, send, '/deflate-window'),
        'permessage-deflate; server_max_window_bits=9; client_max_window_bits=9')
    }
  },
  {
    name: 'deflate: not offered, not used',
    needs: 'declinesDeflate',
    async run (t, meet) {
      const meeting = await echoes(t, meet, [text(mixed(MIB)), text('small')], '/deflate', { deflate: false })
      agreed(t, meeting, '')
      t.ok(meeting.seen.bytesIn > MIB)
      t.ok(meeting.seen.bytesOut > MIB)
    }
  }
]

const savings: Check[] = [
  {
    name: 'deflate: a large message is a small one on the wire',
    async run (t, meet, { can }) {
      for (const message of [text(mixed(MIB)), binary(Buffer.alloc(MIB, 'bytes '))]) {
        const { seen } = await echoes(t, meet, [message], '/deflate')
        t.ok(seen.bytesOut < MIB / 50, `${seen.bytesOut} bytes from the server`)
        t.equal(seen.bytesIn < MIB / 50, can.compresses, `${seen.bytesIn} bytes from the client`)
      }
    }
  },
  {
    name: 'deflate: without context takeover every message is compressed by itself',
    async run (t, meet, { can }) {
      const { seen } = await echoes(t, meet, Array(COPIES).fill(text(unlikely())), '/deflate')
      for (const bytes of can.compresses ? [seen.bytesIn, seen.bytesOut] : [seen.bytesOut]) {
        t.ok(bytes > COPIES * 2048 && bytes < COPIES * 3072, `${bytes} bytes`)
      }
    }
  },
  {
    name: 'deflate: with context takeover a message that came before costs nothing',
    async run (t, meet, { can }) {
      const { seen } = await echoes(t, meet, Array(COPIES).fill(text(unlikely())), '/deflate-takeover')
      for (const bytes of can.compresses ? [seen.bytesIn, seen.bytesOut] : [seen.bytesOut]) {
        t.ok(bytes > 2048 && bytes < 2 * 2048, `${bytes} bytes`)
      }
    }
  }
]

const messages: Check[] = [
  {
    name: 'deflate: 60 messages of all sizes at once, in order',
    async run (t, meet) {
      const send = Array.from({ length: 60 }, (_, n) => text(`${n} ${mixed(n * 7919 % 40_000)}`))
      for (const path of ['/deflate', '/deflate-takeover']) await echoes(t, meet, send, path)
    }
  },
  {
    name: 'deflate: fragments',
    needs: 'fragments',
    async run (t, meet) {
      // `ws` decides by the first one whether to compress.
      const pieces = [mixed(5000), 'two', '', unlikely(), mixed(100_000)]
      const send = [text(...pieces), text('whole'), binary(...pieces.map(piece => Buffer.from(piece)))]
      for (const path of ['/deflate', '/deflate-takeover']) {
        const { seen } = await echoes(t, meet, send, path)
        t.ok(seen.bytesIn < 50_000, `${seen.bytesIn} bytes from the client`)
      }
    }
  },
  {
    name: 'deflate: a message that is larger than the server takes when it is inflated ends with 1009',
    async run (t, meet, { can }) {
      const { report, seen } = await meet('/deflate', { send: [binary(Buffer.alloc(MIB + 1))] })
      t.equal(report.close?.code, 1009)
      t.match(seen.close, { code: 1009, initiator: 'local' })
      t.strictSame(seen.messages, [])
      if (can.compresses) t.ok(seen.bytesIn < MIB / 50, `${seen.bytesIn} bytes from the client`)
    }
  },
  {
    name: 'deflate: a message that is followed by the close frame still arrives',
    async run (t, meet) {
      const { report, seen } = await meet('/deflate-farewell', { replies: 1 })
      t.strictSame(report.received.map(({ data }) => data.length), [MIB])
      t.strictSame(report.close, { code: 4000, reason: 'farewell' })
      t.match(seen.close, { code: 4000, wasClean: true, initiator: 'local' })
    }
  }
]

export const DEFLATE_CHECKS: readonly Check[] = [...agreements, ...savings, ...messages]
