import { randomBytes } from 'node:crypto'
import { echoes, type Check } from './meeting.ts'
import { binary, MIB, mixed, text } from './visit.ts'

/** The header of a client's frame with a payload of less than 126 bytes. */
const HEADER = 6
/** Its close frame with a code and no reason. */
const CLOSE = HEADER + 2

const messages: Check[] = [
  {
    name: 'text: ASCII, several bytes to the letter, emoji, NUL',
    run: (t, meet) => echoes(t, meet, [text('hello'), text('Grüße, 你好'), text('👩‍👩‍👧 🌍'), text('\0')])
  },
  {
    name: 'binary: every byte, and bytes that are no UTF-8',
    run: (t, meet) => echoes(t, meet, [
      binary(Uint8Array.from({ length: 256 }, (_, byte) => byte)), binary(Buffer.from('fffec080', 'hex'))
    ])
  },
  {
    name: 'empty messages',
    // Chromium over HTTP/2 may keep one back until it sends something else, to a server of bare node:http2 as well.
    run: (t, meet) => echoes(t, meet, [text(''), binary(new Uint8Array()), text(''), text('not empty')])
  },
  {
    name: 'every length of the length field',
    run: (t, meet) => echoes(t, meet, [125, 126, 127, 65_535, 65_536].flatMap(size => [
      text(mixed(size)), binary(randomBytes(size))
    ]))
  },
  {
    name: '1 MiB of text',
    run: (t, meet) => echoes(t, meet, [text(mixed(MIB))])
  },
  {
    name: '1 MiB of bytes',
    run: (t, meet) => echoes(t, meet, [binary(randomBytes(MIB))])
  },
  {
    name: '500 messages at once, in order',
    run: (t, meet) => echoes(t, meet, Array.from({ length: 500 }, (_, n) => text(`${n} ${mixed(n)}`)))
  },
  {
    name: 'a message that is larger than the server takes ends with 1009',
    async run (t, meet) {
      const { report, seen } = await meet('/echo', { send: [binary(Buffer.alloc(MIB + 1))] })
      t.equal(report.close?.code, 1009)
      t.match(seen.close, { code: 1009, initiator: 'local' })
      t.strictSame(seen.messages, [])
    }
  },
  {
    name: 'text in fragments',
    needs: 'fragments',
    async run (t, meet) {
      const fragments = ['one, ', 'zwei, ', '', '三']
      const { seen } = await echoes(t, meet, [text(...fragments)])
      const headers = seen.bytesIn - CLOSE - Buffer.byteLength(fragments.join(''))
      t.ok(headers >= fragments.length * HEADER, 'they came in as many frames')
    }
  },
  {
    name: 'bytes in fragments',
    needs: 'fragments',
    async run (t, meet) {
      const fragments = [1, 2, 3].map(byte => Buffer.alloc(100, byte))
      const { seen } = await echoes(t, meet, [binary(...fragments)])
      t.ok(seen.bytesIn - CLOSE >= 3 * (HEADER + 100), 'they came in as many frames')
      await echoes(t, meet, [binary(...Array.from({ length: 16 }, () => randomBytes(MIB / 16)))])
    }
  }
]

const closing: Check[] = [
  {
    name: 'the client closes with a code and a reason',
    async run (t, meet) {
      for (const [code, reason] of [[1000, 'done'], [3000, ''], [4999, 'bis später 👋']] as const) {
        const { report, seen } = await meet('/echo', { close: { code, reason } })
        t.strictSame(seen.close, { code, reason, wasClean: true, initiator: 'remote' })
        t.equal(report.close?.code, code)
      }
    }
  },
  {
    name: 'the client closes without a code',
    needs: 'closeWithoutCode',
    async run (t, meet) {
      const { report, seen } = await meet('/echo', { close: {} })
      t.strictSame(seen.close, { code: 1005, reason: '', wasClean: true, initiator: 'remote' })
      t.equal(report.close?.code, 1005)
    }
  },
  {
    name: 'the server closes with a code and a reason',
    async run (t, meet) {
      const closes = [
        [1000, 'done'], [1001, ''], [1011, 'broken'], [3000, 'x'.repeat(123)], [4999, 'bis später 👋']
      ] as const
      for (const [code, reason] of closes) {
        const { report, seen } = await meet(`/close?code=${code}&reason=${encodeURIComponent(reason)}`, {})
        t.strictSame(report.close, { code, reason })
        t.strictSame(seen.close, { code, reason, wasClean: true, initiator: 'local' })
      }
    }
  },
  {
    name: 'the server closes without saying how',
    async run (t, meet) {
      const { report, seen } = await meet('/close', {})
      t.strictSame(report.close, { code: 1000, reason: '' })
      t.strictSame(seen.close, { code: 1000, reason: '', wasClean: true, initiator: 'local' })
    }
  },
  {
    name: 'a message that is followed by the close frame still arrives',
    async run (t, meet) {
      const { report, seen } = await meet('/farewell', { replies: 1 })
      t.strictSame(report.received.map(({ data }) => data.length), [MIB])
      t.strictSame(report.close, { code: 4000, reason: 'farewell' })
      t.match(seen.close, { code: 4000, wasClean: true, initiator: 'local' })
    }
  }
]

const pings: Check[] = [
  {
    name: 'the client answers a ping of the server',
    async run (t, meet) {
      const { report, seen } = await meet('/ping', { replies: 1, close: { code: 1000 } })
      t.type(seen.roundTrip, 'number')
      t.strictSame(report.received, [{ kind: 'text', data: 'pong' }])
    }
  },
  {
    name: 'the server answers a ping of the client',
    needs: 'ping',
    async run (t, meet) {
      const { report, seen } = await meet('/echo', { send: [text('first')], ping: true, close: { code: 1000 } })
      t.type(report.roundTrip, 'number')
      t.equal(seen.pings, 1)
      t.equal(seen.close?.code, 1000)
    }
  }
]

const handshakes: Check[] = [
  {
    name: 'a subprotocol: the one that the server prefers',
    async run (t, meet) {
      const { report, seen } = await meet('/protocols', {
        protocols: ['other', 'chat.v1', 'chat.v2'], close: { code: 1000 }
      })
      t.equal(report.protocol, 'chat.v2')
      t.equal(seen.protocol, 'chat.v2')
    }
  },
  {
    name: 'no subprotocol is offered, none is chosen',
    async run (t, meet) {
      const { report, seen } = await meet('/protocols', { close: { code: 1000 } })
      t.match(report, { opened: true, protocol: '' })
      t.equal(seen.protocol, '')
    }
  },
  {
    name: 'none of the offered subprotocols is chosen',
    async run (t, meet, { can }) {
      for (const path of ['/protocols', '/no-protocols']) {
        const { report, seen } = await meet(path, { protocols: ['other'], close: { code: 1000 } })
        t.match(seen, { refusal: null, protocol: '' }, path)
        t.equal(report.protocol, '')
        t.equal(report.opened, can.toleratesNoProtocol === true, 'it is up to the client what follows')
      }
    }
  },
  {
    name: 'no extension is agreed on where the route wants none',
    async run (t, meet) {
      const { report } = await meet('/echo', { close: { code: 1000 } })
      t.match(report, { opened: true, extensions: '' })
    }
  },
  {
    name: 'a handshake that is refused with 401',
    async run (t, meet, { refusal }) {
      const { report, seen } = await meet('/refused', {})
      t.equal(seen.refusal, 401)
      t.equal(report.opened, false)
      t.ok(report.error?.includes(refusal), `the client says: ${report.error}`)
      t.ok(report.close === null || report.close.code === 1006)
    }
  }
]

export const CHECKS: readonly Check[] = [...messages, ...closing, ...pings, ...handshakes]
