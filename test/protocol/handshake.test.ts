import { test } from 'tap'
import {
  acceptKey, checkUpgrade, hasToken, isWebSocketUpgrade, offeredProtocols, VERSION, type HandshakeHeaders
} from '../../lib/protocol/handshake.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** A request's headers as they came: a list of values is a header that came so many times. */
type Sent = Record<string, string | string[] | undefined>

const GOOD: Sent = {
  Host: 'server.example.com',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': KEY,
  Origin: 'http://example.com',
  'Sec-WebSocket-Protocol': 'chat, superchat',
  'Sec-WebSocket-Version': '13'
}

/** As Node hands them over: of some repeated headers the first, of all others the values joined. */
function asNode (sent: Sent): { headers: HandshakeHeaders, rawHeaders: string[] } {
  const headers: HandshakeHeaders = {}
  const rawHeaders: string[] = []
  for (const [name, values] of Object.entries(sent)) {
    for (const value of [values ?? []].flat()) {
      rawHeaders.push(name, value)
      const key = name.toLowerCase()
      if (headers[key] === undefined) headers[key] = value
      else if (key !== 'host' && key !== 'origin') headers[key] += `, ${value}`
    }
  }
  return { headers, rawHeaders }
}

function check (change: Sent = {}, httpVersion = '1.1'): ReturnType<typeof checkUpgrade> {
  const { headers, rawHeaders } = asNode({ ...GOOD, ...change })
  return checkUpgrade(httpVersion, headers, rawHeaders)
}

test('the accept key of RFC 6455 §1.3', async t => {
  t.equal(acceptKey(KEY), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  t.equal(acceptKey('x3JJHMbDL1EzLkh9GBhXDw=='), 'HSmrc0sMlYUkAGmm5OPpG2HaGWk=', 'and another')
})

const tokens: Array<[string, string | string[] | undefined, boolean]> = [
  ['no header', undefined, false],
  ['an empty header', '', false],
  ['the token', 'upgrade', true],
  ['the token in capitals', 'UPGRADE', true],
  ['the token in mixed case', 'uPgRaDe', true],
  ['the token last in a list', 'keep-alive, Upgrade', true],
  ['the token first in a list', 'Upgrade,keep-alive', true],
  ['the token between others and odd spaces', 'a ,\t upgrade \t, b', true],
  ['a list with empty items', ',, ,upgrade,', true],
  ['a list that came as an array', ['keep-alive', 'Upgrade'], true],
  ['an array without it', ['keep-alive', 'close'], false],
  ['other tokens', 'keep-alive, close', false],
  ['a token that contains it', 'upgrades', false],
  ['a token that ends in it', 'x-upgrade', false],
  ['two words', 'up grade', false],
  ['a token with a parameter', 'upgrade;q=1', false]
]
for (const [name, header, wanted] of tokens) {
  test(`looking for a token in a list: ${name} (§4.2.1)`, async t => {
    t.equal(hasToken(header, 'upgrade'), wanted)
  })
}

test('a request asks for a WebSocket with GET and the token "websocket" in Upgrade (§4.2.1)', async t => {
  t.equal(isWebSocketUpgrade('GET', { upgrade: 'websocket' }), true)
  t.equal(isWebSocketUpgrade('GET', { upgrade: 'WebSocket' }), true, 'in any case')
  t.equal(isWebSocketUpgrade('GET', { upgrade: 'h2c, websocket' }), true, 'among others')
  t.equal(isWebSocketUpgrade('GET', { upgrade: 'h2c' }), false)
  t.equal(isWebSocketUpgrade('GET', { upgrade: 'websocket/13' }), false)
  t.equal(isWebSocketUpgrade('GET', {}), false)
  t.equal(isWebSocketUpgrade('POST', { upgrade: 'websocket' }), false)
  t.equal(isWebSocketUpgrade('get', { upgrade: 'websocket' }), false, 'methods are case-sensitive')
  t.equal(isWebSocketUpgrade(undefined, { upgrade: 'websocket' }), false)
})

const accepted: Array<[string, Sent, string?]> = [
  ['the request of §1.3', {}],
  ['no Origin, as from a program', { Origin: undefined }],
  ['no subprotocol', { 'Sec-WebSocket-Protocol': undefined }],
  ['a Connection list in any case', { Connection: 'keep-alive, uPGRADE' }],
  ['a Connection header that came twice', { Connection: ['keep-alive', 'Upgrade'] }],
  ['an Upgrade header that came twice', { Upgrade: ['h2c', 'websocket'] }],
  ['subprotocols in several headers', { 'Sec-WebSocket-Protocol': ['chat', 'superchat, v3.chat'] }],
  ['extensions in several headers', { 'Sec-WebSocket-Extensions': ['a', 'b'] }],
  ['an extension with parameters', { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits; x="1"' }],
  ['empty elements among the extensions', { 'Sec-WebSocket-Extensions': [', a', ''] }],
  ['the same cookie header twice', { Cookie: ['a=1', 'a=1'] }],
  ['a later version of HTTP', {}, '1.2']
]
for (const [name, change, httpVersion] of accepted) {
  test(`a handshake is good: ${name}`, async t => {
    t.equal(check(change, httpVersion), null)
  })
}

test('a key is any 16 bytes in base64 (§4.2.1)', async t => {
  const keys = [
    KEY, 'AAAAAAAAAAAAAAAAAAAAAA==', '/////////////////////w==', 'AQIDBAUGBwgJCgsMDQ4PEA==', '0123456789+/xyzXYZ+/+Q=='
  ]
  for (const key of keys) t.equal(check({ 'Sec-WebSocket-Key': key }), null, key)
  for (let last = 0; last < 256; last++) {
    const key = Buffer.from([...Buffer.alloc(15, 0xa5), last]).toString('base64')
    t.equal(check({ 'Sec-WebSocket-Key': key }), null, key)
  }
})

const KEY_FAULT = 'the header Sec-WebSocket-Key must be 16 bytes in base64 (RFC 6455 section 4.2.1)'
const CONNECTION_FAULT = 'the header Connection must contain the token "Upgrade" (RFC 6455 section 4.2.1)'
const HOST_FAULT = 'the header Host is missing (RFC 6455 section 4.2.1)'
const VERSION_FAULT = 'the header Sec-WebSocket-Version must be 13 (RFC 6455 section 4.4)'
const PROTOCOL_FAULT = 'the header Sec-WebSocket-Protocol must be a list of different tokens (RFC 6455 section 4.1)'
const EXTENSIONS_FAULT = 'the header Sec-WebSocket-Extensions does not follow its grammar (RFC 6455 section 9.1)'
const HTTP_FAULT = 'the handshake needs HTTP/1.1 or higher (RFC 6455 section 4.2.1)'

function repeated (name: string): string {
  return `the header ${name} must not appear more than once (RFC 6455 section 11.3)`
}

const refused: Array<[string, Sent, number, string]> = [
  ['no Host', { Host: undefined }, 400, HOST_FAULT],
  ['an empty Host', { Host: '' }, 400, HOST_FAULT],
  ['no Connection', { Connection: undefined }, 400, CONNECTION_FAULT],
  ['a Connection without the token', { Connection: 'keep-alive' }, 400, CONNECTION_FAULT],
  ['no version', { 'Sec-WebSocket-Version': undefined }, 426, VERSION_FAULT],
  ['an old version', { 'Sec-WebSocket-Version': '8' }, 426, VERSION_FAULT],
  ['a later version', { 'Sec-WebSocket-Version': '14' }, 426, VERSION_FAULT],
  ['a list of versions', { 'Sec-WebSocket-Version': '13, 8' }, 426, VERSION_FAULT],
  ['a version with a zero before it', { 'Sec-WebSocket-Version': '013' }, 426, VERSION_FAULT],
  ['an empty version', { 'Sec-WebSocket-Version': '' }, 426, VERSION_FAULT],
  ['no key', { 'Sec-WebSocket-Key': undefined }, 400, KEY_FAULT],
  ['an empty key', { 'Sec-WebSocket-Key': '' }, 400, KEY_FAULT],
  ['a key of 15 bytes', { 'Sec-WebSocket-Key': Buffer.alloc(15).toString('base64') }, 400, KEY_FAULT],
  ['a key of 17 bytes', { 'Sec-WebSocket-Key': Buffer.alloc(17).toString('base64') }, 400, KEY_FAULT],
  ['a key of 18 bytes', { 'Sec-WebSocket-Key': Buffer.alloc(18).toString('base64') }, 400, KEY_FAULT],
  ['a key without padding', { 'Sec-WebSocket-Key': KEY.slice(0, 22) }, 400, KEY_FAULT],
  ['a key with bits in the padding', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZR==' }, 400, KEY_FAULT],
  ['a key in base64url', { 'Sec-WebSocket-Key': '-_-_IHNhbXBsZSBub25jZQ==' }, 400, KEY_FAULT],
  ['a key with more behind it', { 'Sec-WebSocket-Key': `${KEY}, ${KEY}` }, 400, KEY_FAULT],
  ['a key with a line break behind it', { 'Sec-WebSocket-Key': `${KEY}\n` }, 400, KEY_FAULT],
  ['a key with a space before it', { 'Sec-WebSocket-Key': ` ${KEY}` }, 400, KEY_FAULT],
  ['an empty subprotocol list', { 'Sec-WebSocket-Protocol': '' }, 400, PROTOCOL_FAULT],
  ['an empty subprotocol', { 'Sec-WebSocket-Protocol': 'chat,,superchat' }, 400, PROTOCOL_FAULT],
  ['a subprotocol twice', { 'Sec-WebSocket-Protocol': 'chat, chat' }, 400, PROTOCOL_FAULT],
  ['a subprotocol twice, in two headers', { 'Sec-WebSocket-Protocol': ['chat', 'chat'] }, 400, PROTOCOL_FAULT],
  ['a subprotocol that is no token', { 'Sec-WebSocket-Protocol': 'chat, super chat' }, 400, PROTOCOL_FAULT],
  ['an empty extension list', { 'Sec-WebSocket-Extensions': '' }, 400, EXTENSIONS_FAULT],
  ['nothing but empty extensions', { 'Sec-WebSocket-Extensions': [',', ' '] }, 400, EXTENSIONS_FAULT],
  ['an extension that is no token', { 'Sec-WebSocket-Extensions': 'a, b c' }, 400, EXTENSIONS_FAULT],
  ['an extension with an unfinished parameter', { 'Sec-WebSocket-Extensions': 'a; b=' }, 400, EXTENSIONS_FAULT],
  ['extensions of which the second header is bad', { 'Sec-WebSocket-Extensions': ['a', ';'] }, 400, EXTENSIONS_FAULT],
  ['two keys', { 'Sec-WebSocket-Key': [KEY, KEY] }, 400, repeated('Sec-WebSocket-Key')],
  ['two versions', { 'Sec-WebSocket-Version': ['13', '13'] }, 400, repeated('Sec-WebSocket-Version')],
  ['two hosts', { Host: ['a', 'b'] }, 400, repeated('Host')],
  ['two origins', { Origin: ['http://a', 'http://b'] }, 400, repeated('Origin')],
  ['two keys in different case', { 'SEC-WEBSOCKET-KEY': KEY }, 400, repeated('SEC-WEBSOCKET-KEY')]
]
for (const [name, change, status, message] of refused) {
  test(`a handshake is refused: ${name}`, async t => {
    t.same(check(change), { status, message })
  })
}

test('a handshake is refused: HTTP/1.0 (§4.2.1)', async t => {
  t.same(check({}, '1.0'), { status: 400, message: HTTP_FAULT })
})

test('a handshake is refused: a key that is not one string', async t => {
  const { headers, rawHeaders } = asNode(GOOD)
  headers['sec-websocket-key'] = [KEY]
  t.same(checkUpgrade('1.1', headers, rawHeaders), { status: 400, message: KEY_FAULT })
})

test('of several faults the first in the order of RFC 6455 §4.2.1 is named', async t => {
  const all: Sent = {
    Host: undefined,
    Connection: 'close',
    'Sec-WebSocket-Version': '8',
    'Sec-WebSocket-Key': 'x',
    'Sec-WebSocket-Protocol': ',',
    'Sec-WebSocket-Extensions': ','
  }
  const found: Array<string | undefined> = [check(all, '1.0')?.message]
  for (const name of Object.keys(all)) {
    found.push(check(all)?.message)
    all[name] = GOOD[name]
  }
  t.same(found, [HTTP_FAULT, HOST_FAULT, CONNECTION_FAULT, VERSION_FAULT, KEY_FAULT, PROTOCOL_FAULT, EXTENSIONS_FAULT])
  t.equal(check(all), null)
})

test('the version is 13 (§4.1)', async t => {
  t.equal(VERSION, '13')
})

const lists: Array<[string, string | string[] | undefined, string[] | null]> = [
  ['no header', undefined, []],
  ['one', 'chat', ['chat']],
  ['several, in the order of the client', 'superchat, chat,v3.chat', ['superchat', 'chat', 'v3.chat']],
  ['odd spaces', ' \tchat\t ,  superchat ', ['chat', 'superchat']],
  ['several headers as an array', ['chat', 'superchat, x'], ['chat', 'superchat', 'x']],
  ['names that differ in case only', 'Chat, chat', ['Chat', 'chat']],
  ['a name with all marks of a token', "!#$%&'*+-.^_`|~09azAZ", ["!#$%&'*+-.^_`|~09azAZ"]],
  ['an empty header', '', null],
  ['an empty item at the end', 'chat,', null],
  ['an empty item at the start', ',chat', null],
  ['the same twice', 'a, b, a', null],
  ['a slash', 'chat/2', null],
  ['a quoted string', '"chat"', null]
]
for (const [name, header, wanted] of lists) {
  test(`the subprotocols offered: ${name} (§4.1)`, async t => {
    t.same(offeredProtocols({ 'sec-websocket-protocol': header }), wanted)
  })
}
