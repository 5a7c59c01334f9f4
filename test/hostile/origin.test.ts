import type { SocketOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { handshake, RawClient } from '../support/raw-client.ts'
import { besieged, statuses, statusesIn } from './support.ts'

/** How a route with this option answers a handshake: by its status. */
async function judge (t: Test, origin?: SocketOptions['origin']) {
  const { port } = await besieged(t, socket => { socket.close() }, { ws: origin === undefined ? {} : { origin } })
  return async (Origin: string | undefined, Host = 'app.example'): Promise<number> => {
    const client = new RawClient(port)
    // As bytes: what stands beyond ASCII is sent as one byte for each character.
    client.write(Buffer.from(handshake('/', { Origin, Host }), 'latin1'))
    const { status } = await client.response()
    await client.destroy()
    return status
  }
}

/** Bytes of UTF-8 as they stand in a header. */
function utf8 (text: string): string {
  return Buffer.from(text).toString('latin1')
}

/** Origins that try to pass for `https://app.example`. */
const LIES = [
  // The host as a part of another one.
  'https://evilapp.example', 'https://app.example.evil.example', 'https://evil.app.example',
  'https://app.exampleevil', 'https://app-example', 'https://app_.example', 'https://app..example',
  'https://.app.example', 'https://app.example.',
  // Its port.
  'https://app.example:0443', 'https://app.example:00443', 'wss://app.example:0443', 'https://app.example:443:443',
  'https://app.example:443.', 'https://app.example:443/', 'https://app.example:443443', 'ws://app.example:443', 'https://app.example:', 'https://app.example:80',
  'https://app.example:8443', 'https://app.example:443.evil.example', 'https://app.example:443@evil.example',
  // User information.
  'https://app.example@evil.example', 'https://evil.example\\@app.example', 'https://evil.example#@app.example',
  'https://user@app.example', 'https://user:password@app.example', 'https://@app.example', 'https://:@app.example',
  // What stands behind the host in a URL.
  'https://app.example/', 'https://app.example//', 'https://app.example/..', 'https://app.example?',
  'https://app.example#', 'https://app.example\\', 'https://app.example\\.evil.example', 'https://app.example;',
  'https://app.example/@evil.example',
  // What URL parsers forgive.
  'https:app.example', 'https:/app.example', 'https:///app.example', 'https:\\\\app.example', '//app.example',
  'https://app\t.example', 'https\t://app.example', 'https://app.example\t/', 'https://app%2eexample',
  'https://%61pp.example', 'https://app.example%00', 'https://app.example%00.evil.example',
  'https://app.example%0d%0a', 'https://app.example%20',
  // As native clients write it, and yet another one.
  'WSS://EVIL.EXAMPLE', 'wss://app.example@evil.example', 'wss://user@app.example', 'wss://app.example/', 'wss:app.example',
  'wss:/app.example', 'wss:\\\\app.example', 'wss://app.example\\', 'wss://app.example.', 'wss://app.example.evil.example',
  'wss://app.example?', 'wss://app.example#', 'wss://app%2eexample', 'wss://app\t.example', 'wsss://app.example', 'wss',
  'wss://', 'wss://app.example wss://app.example', 'wss://app.example, wss://evil.example', 'http+wss://app.example',
  // Characters that look like it, that are ignored, or that become others.
  'https://\u00e0pp.example', utf8('https://\u0430pp.example'), utf8('https://app\u3002example'),
  utf8('https://\uff41pp.example'), utf8('https://ap\u200bp.example'), utf8('https://app\u00ad.example'),
  'https://app\u00ad.example', 'https://app.example\u00a0', utf8('https://app.example\u2024evil'),
  'https://xn--app.example', 'https://xn--pp-8ia.example',
  // More than one.
  'https://app.example https://app.example', 'https://app.example, https://evil.example',
  'https://evil.example https://app.example', 'https://app.example null', 'https://app.example,',
  ',https://app.example',
  // Other schemes, and what has no host.
  'blob:https://app.example', 'blob:https://app.example/0', 'filesystem:https://app.example',
  'data:https://app.example', 'javascript://app.example', 'view-source:https://app.example', 'file://app.example',
  'chrome-extension://app.example', 'about:blank', 'about:srcdoc', 'null', 'Null', 'NULL', 'undefined', 'true', '*',
  'https://*', 'https://*.example', 'https://', 'https', 'app.example', 'http', ''
]

/** What native clients write for `https://app.example`; no browser does. */
const ALIASES = [
  'wss://app.example', 'wss://app.example:443', 'https://app.example:443', 'HTTPS://app.example', 'Https://app.example',
  'https://APP.EXAMPLE', 'https://app.Example', 'WSS://App.Example:443'
]

const POLICIES: Array<[name: string, origin: SocketOptions['origin'] | undefined]> = [
  ["'same-host'", undefined],
  ['a string', 'https://app.example'],
  ['a list', ['https://other.example', 'https://app.example']],
  ['a RegExp', /^https:\/\/app\.example$/],
  ['a list with a RegExp', ['https://other.example', /^https:\/\/app\.example$/]]
]

for (const [name, origin] of POLICIES) {
  test(`no origin passes for another one: ${name}`, async t => {
    const status = await judge(t, origin)
    t.equal(await status('https://app.example'), 101)
    for (const lie of LIES) t.equal(await status(lie), 403, JSON.stringify(lie))
    // No page has an origin that is written so. A pattern means what it says.
    for (const alias of ALIASES) {
      t.equal(await status(alias), name.endsWith('RegExp') ? 403 : 101, alias)
      t.equal(await status(alias.replace(/app/i, 'evil')), 403, alias)
    }
    // Whether the lies have left anything behind.
    t.equal(await status('https://app.example'), 101)
  })
}

test('white space around an origin is no part of it (RFC 9110 §5.5)', async t => {
  for (const origin of [undefined, 'https://app.example'] as const) {
    const status = await judge(t, origin)
    for (const Origin of [' https://app.example', '\thttps://app.example', 'https://app.example \t']) {
      t.equal(await status(Origin), 101)
      t.equal(await status(Origin.replace('app', 'evil')), 403)
    }
  }
})

test('several Origin headers get 400, whatever they say and however they are written', async t => {
  for (const origin of [undefined, 'https://app.example', true] as const) {
    const ws = origin === undefined ? {} : { origin }
    const { port } = await besieged(t, () => { t.fail('the handler was called') }, { ws })
    for (const [first, second] of [
      ['Origin: https://app.example', 'Origin: https://evil.example'],
      ['Origin: https://evil.example', 'Origin: https://app.example'],
      ['Origin: https://app.example', 'origin: https://app.example'],
      ['Origin:', 'ORIGIN: https://app.example']
    ]) {
      const bytes = handshake('/', { Host: 'app.example' }).replace('\r\n\r\n', `\r\n${first}\r\n${second}\r\n\r\n`)
      t.same(await statuses(port, bytes), [400])
    }
  }
})

const ADDRESSES: Array<[origin: string, host: string, status: number]> = [
  ['http://[::1]', '[::1]', 101],
  ['http://[::1]:3000', '[::1]:3000', 101],
  ['http://[2001:db8::1]', '[2001:DB8:0:0::1]', 101],
  ['http://[::ffff:7f00:1]', '[::ffff:127.0.0.1]', 101],
  ['http://[::1]', '[::1]:3000', 403],
  ['http://[::1]:80', '[::1]', 101],
  ['ws://[::1]', '[::1]:80', 101],
  ['wss://[::1]', '[::1]:80', 403],
  ['ws://[0:0:0:0:0:0:0:1]', '[::1]', 403],
  ['ws://127.1', '127.0.0.1', 403],
  ['http://[::1]', '[::2]', 403],
  ['http://[::]', '[::1]', 403],
  ['http://::1', '[::1]', 403],
  ['http://[0:0:0:0:0:0:0:1]', '[::1]', 403],
  ['http://[::1%25lo]', '[::1]', 403],
  ['http://[::1]x', '[::1]', 403],
  ['http://[::1', '[::1]', 403],
  ['http://[2001:DB8::1]', '[2001:db8::1]', 101],
  ['http://[::ffff:127.0.0.1]', '[::ffff:7f00:1]', 403],
  ['http://[::ffff:7f00:1]', '127.0.0.1', 403],
  ['http://127.0.0.1', '[::ffff:7f00:1]', 403],
  ['http://127.1', '127.0.0.1', 403],
  ['http://2130706433', '127.0.0.1', 403],
  ['http://0x7f.1', '127.0.0.1', 403],
  ['http://0177.0.0.1', '127.0.0.1', 403],
  ['http://127.0.0.1.', '127.0.0.1', 403],
  ['http://127.0.0.1:80', '127.0.0.1', 101],
  ['http://0.0.0.0', '127.0.0.1', 403],
  ['http://localhost', '127.0.0.1', 403],
  ['http://127.0.0.1', 'localhost', 403]
]

test("'same-host' compares addresses as browsers write them, and no address with another name of it", async t => {
  const status = await judge(t)
  for (const [origin, host, expected] of ADDRESSES) {
    t.equal(await status(origin, host), expected, `${origin} at ${host}`)
  }
})

const NAMES: Array<[origin: string, host: string, status: number]> = [
  ['https://xn--bcher-kva.example', 'xn--bcher-kva.example', 101],
  ['https://xn--bcher-kva.example', 'XN--Bcher-KVA.example', 101],
  ['https://XN--bcher-kva.example', 'xn--bcher-kva.example', 101],
  ['wss://bücher.example', 'xn--bcher-kva.example', 403],
  ['https://bücher.example', 'xn--bcher-kva.example', 403],
  [utf8('https://bücher.example'), 'xn--bcher-kva.example', 403],
  ['https://xn--bcher-kva.example', 'bucher.example', 403],
  ['https://bucher.example', 'xn--bcher-kva.example', 403],
  ['https://xn--bcher-kva.example', 'xn--bcher-kva.example.', 403]
]

test("'same-host' takes names beyond ASCII in Punycode only, as browsers write them", async t => {
  const status = await judge(t)
  for (const [origin, host, expected] of NAMES) t.equal(await status(origin, host), expected, `${origin} at ${host}`)
})

test('an origin that is refused does not reach the log or the answer as anything but data', async t => {
  const { app, port } = await besieged(t, () => { t.fail('the handler was called') })
  const Origin = 'https://evil.example","level":60,"msg":"<script>alert(1)</script>'
  const client = new RawClient(port)
  client.write(handshake('/', { Origin, Host: 'app.example' }))
  const { status, headers, body } = await client.response()
  t.equal(status, 403)
  t.match(headers['content-type'], [/^application\/json/])
  t.equal(JSON.parse(body).message, `the origin '${Origin}' is not allowed here`)
  await client.end()
  t.same(statusesIn(client.received), [])
  t.same(app.lines.filter(line => line.level > 30), [])
  t.same(app.lines.filter(line => line.origin !== undefined).map(line => line.origin), [Origin])
})
