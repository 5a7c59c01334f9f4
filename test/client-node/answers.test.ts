import { test } from 'tap'
import { rawServer, type RawConnection, response } from '../support/raw-server.ts'
import { fakeClock, pass } from '../support/clock.ts'
import { turn, until } from '../support/until.ts'
import { type Ask, dialer, messages } from './support.ts'

/** A text message of a server. */
const text = (value: string): Buffer => Buffer.concat([Buffer.from([0x81, value.length]), Buffer.from(value)])

const altered = (from: RegExp | string, to: string) => ({ socket, accepted }: RawConnection): void => { socket.write(accepted.replace(from, to)) }
const added = (header: string): ReturnType<typeof altered> => altered('\r\n\r\n', `\r\n${header}\r\n\r\n`)

interface Answer {
  name: string
  answer (connection: RawConnection): void
  ask?: Ask
  ending: object
}

const bad = (message: RegExp): object => ({ code: 1006, status: 0, initiator: 'local', error: { code: 'FST_ERR_WS_CLIENT_HANDSHAKE', message } })

const ANSWERS: Answer[] = [
  { name: 'a wrong key', answer: altered(/Accept: .*/, 'Accept: AAAA'), ending: bad(/Sec-WebSocket-Accept/) },
  { name: 'no key', answer: altered(/Sec-WebSocket-Accept: .*\r\n/, ''), ending: bad(/Sec-WebSocket-Accept/) },
  { name: 'another upgrade', answer: altered('Upgrade: websocket', 'Upgrade: h2c'), ending: bad(/Upgrade/) },
  { name: 'no Upgrade', answer: altered('Upgrade: websocket\r\n', ''), ending: bad(/Upgrade/) },
  { name: 'no Connection', answer: altered('Connection: Upgrade\r\n', ''), ending: bad(/Connection/) },
  { name: 'a subprotocol that was not offered', answer: added('Sec-WebSocket-Protocol: b'), ask: { protocols: ['a'] }, ending: bad(/'b'.*not offered/) },
  { name: 'a subprotocol where none was offered', answer: added('Sec-WebSocket-Protocol: b'), ending: bad(/not offered/) },
  { name: 'none of the subprotocols', answer: altered('', ''), ask: { protocols: ['a', 'c'] }, ending: bad(/none of the subprotocols a, c/) },
  { name: 'an extension that was not offered', answer: added('Sec-WebSocket-Extensions: permessage-deflate'), ending: bad(/4\.1/) },
  { name: 'no HTTP', answer: ({ socket }) => { socket.write('SSH-2.0\r\n\r\n') }, ending: { code: 1006, status: 0, error: { code: /^HPE_/ } } },
  { name: 'endless headers', answer: ({ socket }) => { socket.write(`HTTP/1.1 101 OK\r\n${'X-A: b\r\n'.repeat(20_000)}`) }, ending: { status: 0, error: { code: 'HPE_HEADER_OVERFLOW' } } },
  { name: 'nothing, and the end', answer: ({ socket }) => { socket.end() }, ending: { status: 0, initiator: 'remote', error: { code: 'ECONNRESET' } } },
  { name: 'a reset', answer: ({ socket }) => { socket.resetAndDestroy() }, ending: { status: 0, error: { code: 'ECONNRESET' } } },
  { name: 'a refusal', answer: ({ socket }) => { socket.end(response(401, '{"a":1}', { 'Retry-After': '7' })) }, ending: { code: 1006, status: 401, body: '{"a":1}', retryAfter: 7000, initiator: 'remote', error: null } },
  { name: 'a redirect', answer: ({ socket }) => { socket.end(response(302, '', { Location: 'ws://elsewhere/' })) }, ending: { status: 302, error: null } },
  { name: 'a page', answer: ({ socket }) => { socket.end(response(200, 'hello')) }, ending: { status: 200, body: 'hello' } },
  { name: 'a body that is cut', answer: ({ socket }) => { socket.end('HTTP/1.1 503 Away\r\nContent-Length: 100\r\n\r\npart') }, ending: { status: 503, body: 'part' } },
  { name: 'a body that is cut within a character', answer: ({ socket }) => { socket.end(Buffer.from('HTTP/1.1 503 Away\r\nContent-Length: 100\r\n\r\nä', 'utf8').subarray(0, -1)) }, ending: { status: 503, body: '' } },
  { name: 'a body that is reset', answer: ({ socket }) => { socket.write('HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\npart', () => socket.resetAndDestroy()) }, ending: { status: 403, body: 'part', error: null } },
  { name: 'a body that breaks HTTP', answer: ({ socket }) => { socket.write('HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nnone\r\n') }, ending: { status: 403, body: 'part', error: null } }
]

for (const { name, answer, ask, ending } of ANSWERS) {
  test(`a handshake that is answered with ${name}`, async t => {
    const { url } = await rawServer(t, answer)
    const dialled = dialer(t)(url, ask)
    t.match(await dialled.ended, ending)
    t.same(dialled.heard, ['end'])
  })
}

for (const isReset of [false, true]) {
  test(`a refusal ends its connection${isReset ? ', and a server that resets it has no effect' : ''}`, async t => {
    const { url, connection } = await rawServer(t, ({ socket }) => {
      socket.write('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno', () => { if (isReset) setImmediate(() => socket.resetAndDestroy()) })
    })
    t.match(await dialer(t)(url).ended, { status: 403, body: 'no' })
    const { socket } = await connection(0)
    socket.resume()
    await until(() => socket.destroyed || socket.readableEnded, 'the end of the connection')
  })
}

test('a body without an end is read up to 64 KiB', async t => {
  const { url } = await rawServer(t, ({ socket }) => {
    socket.write('HTTP/1.1 503 Away\r\n\r\n')
    socket.on('drain', () => { socket.write('x'.repeat(50_000)) })
    socket.write('x'.repeat(500_000))
  })
  const { status, body } = await dialer(t)(url).ended
  t.equal(status, 503)
  t.equal(body.length, 65_536)
})

test('a body that does not come is waited for, but not for long', async t => {
  const { url } = await rawServer(t, ({ socket }) => { socket.write('HTTP/1.1 503 Away\r\nContent-Length: 5\r\n\r\nab') })
  t.match(await dialer(t)(url).ended, { status: 503, body: 'ab' })
})

test('an interim answer comes before the one that counts', async t => {
  const { url } = await rawServer(t, ({ socket, accepted }) => { socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${accepted}`) })
  await dialer(t)(url).opened
})

test('what comes in the packet of the answer is not lost: messages, and the end', async t => {
  const { url } = await rawServer(t, ({ socket, accepted }) => {
    socket.write(Buffer.concat([Buffer.from(accepted), text('a'), text('b'), Buffer.from([0x88, 2, 0x0F, 0xA0])]))
  })
  const clock = fakeClock(t)
  const dialled = dialer(t)(url)
  // The server never ends the connection: that is waited for, but not for long.
  await until(() => dialled.heard.includes('b'))
  clock.tick(5000)
  t.match(await dialled.ended, { code: 4000, wasClean: true, initiator: 'remote' })
  t.same(dialled.heard, ['open', 'a', 'b', 'end'])
})

test('a violation in the packet of the answer comes after the message before it', async t => {
  const { url } = await rawServer(t, ({ socket, accepted }) => { socket.write(Buffer.concat([Buffer.from(accepted), text('a'), Buffer.from([0x83, 0])])) })
  const dialled = dialer(t)(url)
  t.match(await dialled.ended, { code: 1002, initiator: 'local', error: { code: 'FST_ERR_WS_PROTOCOL' } })
  t.same(dialled.heard, ['open', 'a', 'end'])
})

test('a message above maxPayload ends the line with 1009', async t => {
  const { url } = await rawServer(t, ({ socket, accepted }) => { socket.write(Buffer.concat([Buffer.from(accepted), text('12345')])) })
  t.match(await dialer(t, { maxPayload: 4 })(url).ended, { code: 1009, initiator: 'local' })
})

test('a line that is dropped frees what it has, at every moment, and says nothing', async t => {
  const { url, connections } = await rawServer(t, ({ socket, accepted, request }) => {
    if (request.includes('/refused')) socket.write('HTTP/1.1 503 Away\r\n\r\nab')
    if (request.includes('/open')) socket.write(accepted)
  })
  const dial = dialer(t)
  const early = dial(`${url}/early`)
  early.line.drop()
  const pending = dial(`${url}/pending`)
  const refused = dial(`${url}/refused`)
  const open = dial(`${url}/open`)
  await open.opened
  await until(() => connections.length >= 3)
  for (const { line } of [pending, refused, open]) line.drop()
  open.line.drop()
  t.equal(open.line.send('a'), false)
  await until(() => connections.every(({ socket }) => socket.destroyed || socket.readableEnded), 'the ends of all connections')
  t.same([...early.heard, ...pending.heard, ...refused.heard], [])
  t.same(open.heard, ['open'])
})

test('a line that is paused reads no further, and goes on when it is resumed', async t => {
  let isHeld = false
  const { url } = await rawServer(t, ({ socket, accepted }) => {
    socket.write(accepted)
    const part = text('x'.repeat(100))
    for (let i = 0; i < 100_000 && !isHeld; i++) isHeld = !socket.write(part) && socket.writableLength > 4_000_000
  })
  const dialled = dialer(t)(url)
  await dialled.opened
  dialled.line.pause!()
  await until(() => isHeld)
  const before = dialled.heard.length
  t.ok(before < 30_000, `${before} messages`)
  dialled.line.resume!()
  await until(() => dialled.heard.length > before)
  await messages(dialled, 30_000)
})

test('a ping that goes out is no answer to itself', async t => {
  const { url } = await rawServer(t, ({ socket, accepted }) => { socket.pause().write(accepted) })
  const dialled = dialer(t)(url)
  await dialled.opened
  const clock = fakeClock(t)
  dialled.line.ping!()
  await pass(clock, 10_000, 100)
  t.same(dialled.heard, ['open'])
})

test('a message that is on its way to us is an answer to a ping, as far as it gets on', async t => {
  const { url, connection } = await rawServer(t, ({ socket, accepted }) => {
    socket.write(accepted)
    // The beginning of a message of 1 GB.
    socket.write(Buffer.from([0x82, 127, 0, 0, 0, 0, 0x3f, 0, 0, 0]))
  })
  const dialled = dialer(t, { maxPayload: 2 ** 30 })(url)
  await dialled.opened
  const { socket } = await connection(0)
  const clock = fakeClock(t)
  await turn()
  dialled.line.ping!()
  await pass(clock, 10_000, 100)
  t.same(dialled.heard, ['open'], 'nothing gets on')
  socket.write('a few bytes of it')
  await until(() => {
    clock.tick(100)
    return dialled.heard.length > 1
  })
  t.same(dialled.heard, ['open', 'pong'])
  t.equal(clock.countTimers(), 0)
  dialled.line.ping!()
  dialled.line.ping!()
  t.equal(clock.countTimers(), 1)
  socket.destroy()
  await until(() => dialled.heard.includes('end'))
  t.equal(clock.countTimers(), 0)
})

test('a ping behind messages that are on their way to the server is not judged, as long as these may take', async t => {
  const { url, connection } = await rawServer(t, ({ socket, accepted }) => { socket.pause().write(accepted) })
  const dialled = dialer(t)(url)
  await dialled.opened
  const { socket } = await connection(0)
  for (let i = 0; i < 20; i++) dialled.line.send(new Uint8Array(1_000_000))
  let amount = Infinity
  await until(() => {
    const isStill = dialled.line.bufferedAmount === amount
    amount = dialled.line.bufferedAmount
    return isStill && amount > 0
  })
  const clock = fakeClock(t, 'performance')
  const pongs = (): number => dialled.heard.filter(one => one === 'pong').length
  dialled.line.ping!()
  clock.tick(200)
  t.equal(pongs(), 1)
  // 64 bytes in a millisecond.
  clock.tick(amount / 64)
  dialled.line.ping!()
  await pass(clock, 10_000, 100)
  t.equal(pongs(), 1, 'that was too long')
  socket.resume()
  await until(() => {
    clock.tick(100)
    return pongs() === 2
  })
})

test('pings of the server are answered, and tell nothing', async t => {
  const bytes: Buffer[] = []
  const { url } = await rawServer(t, ({ socket, accepted }) => {
    socket.on('data', chunk => { bytes.push(chunk) })
    socket.write(accepted)
    socket.write(Buffer.from([0x89, 0]))
  })
  const dialled = dialer(t)(url)
  await until(() => Buffer.concat(bytes).length === 6)
  t.equal(Buffer.concat(bytes)[0], 0x8A)
  t.same(dialled.heard, ['open'])
})

test('where nobody listens, the error says so', async t => {
  const { url } = await rawServer(t)
  t.match(await dialer(t)(url.replace(/\d+$/, '1')).ended, { code: 1006, status: 0, initiator: 'remote', error: { code: 'ECONNREFUSED' } })
})
