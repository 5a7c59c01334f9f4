import type { Socket } from 'node:net'
import { type Test, test } from 'tap'
import { OFFER } from '../support/deflate.ts'
import { linesWith } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { besieged, type Besieged, KIB, MIB, statuses } from './support.ts'

/** More than Node takes of a request's head: 16 KiB. */
const TOO_LONG = 'x'.repeat(20 * KIB)
/** A little less. */
const LONG = 15 * KIB
/** Node takes a thousand headers: it drops the others or, in later versions, refuses them. */
const KEPT = 1000

function siege (t: Test): Promise<Besieged> {
  const fail = (): void => { t.fail('the handler was called') }
  return besieged(t, fail, { declare: app => { app.get('/rooms/:room', { ws: true }, fail) } })
}

/** A handshake with so many headers in front of its own. */
function behind (count: number): string {
  return handshake('/').replace('\r\n', `\r\n${'a:b\r\n'.repeat(count)}`)
}

const REFUSED: Array<[name: string, bytes: string, status: string]> = [
  ['a URL of 20 KiB', handshake(`/?${TOO_LONG}`), '431'],
  ['a path of 15 KiB', handshake(`/${'x'.repeat(LONG)}`), '404'],
  ['a parameter of 15 KiB', handshake(`/rooms/${'x'.repeat(LONG)}`), '414'],
  ['a header of 20 KiB', handshake('/', { 'X-Large': TOO_LONG }), '431'],
  ['a name of 20 KiB', handshake('/', { [TOO_LONG]: 'x' }), '431'],
  ['a method of 20 KiB', handshake('/', {}, TOO_LONG), '400'],
  ['10,000 headers', behind(10_000), '431'],
  ['its own headers behind more than Node keeps', behind(KEPT), '400 or 431'],
  ['one subprotocol again and again', handshake('/', { 'Sec-WebSocket-Protocol': 'a,'.repeat(LONG / 2) }), '400'],
  ['extensions that do not end', handshake('/', { 'Sec-WebSocket-Extensions': `a;b="${'\\'.repeat(LONG)}` }), '400']
]

for (const [name, bytes, status] of REFUSED) {
  test(`a handshake with ${name} gets ${status}, and the connection ends`, async t => {
    const { port, isOver } = await siege(t)
    const [answer, ...more] = await statuses(port, bytes)
    t.ok(status.split(' or ').includes(String(answer)), String(answer))
    t.same(more, [])
    await isOver()
  })
}

test('a header that goes on and on is cut off soon, however fast it comes', async t => {
  const { app, port, othersAreServed, isOver } = await siege(t)
  const read: Socket[] = []
  app.server.on('connection', socket => { read.push(socket) })
  const begin = handshake('/').slice(0, -2)
  const endless = Buffer.alloc(8 * MIB, 'x')
  const clients = Array.from({ length: 10 }, () => {
    const client = new RawClient(port)
    client.write(`${begin}X-Endless: `)
    client.write(endless)
    return client
  })
  await othersAreServed()
  await Promise.all(clients.map(client => client.end()))
  await isOver()
  t.equal(read.length, clients.length)
  for (const { bytesRead } of read) t.ok(bytesRead < MIB, `${bytesRead} bytes were read`)
})

test('a URL that fits is taken as it is, and logged once', async t => {
  const { app, port } = await besieged(t, socket => { socket.close() })
  const url = `/?${'x'.repeat(LONG)}`
  const client = await RawClient.open(port, url)
  t.equal((await client.close()).code, 1000)
  await client.destroy()
  t.same(linesWith(app.lines, 'incoming request').map(line => line.req.url).filter(one => one !== '/other'), [url])
})

test('offers that fill the header are read to the last one', async t => {
  const { port } = await besieged(t, socket => { socket.close() }, { ws: { deflate: true, protocols: ['last'] } })
  const protocols = Array.from({ length: LONG / 10 }, (_, i) => i).join(',')
  const extensions = 'x;a=1,'.repeat(LONG / 12) + OFFER['Sec-WebSocket-Extensions']
  const client = new RawClient(port)
  const offers = { 'Sec-WebSocket-Protocol': `${protocols},last`, 'Sec-WebSocket-Extensions': extensions }
  client.write(handshake('/', offers))
  const { status, headers } = await client.response()
  t.equal(status, 101)
  t.same(headers['sec-websocket-protocol'], ['last'])
  t.match(headers['sec-websocket-extensions'], [/^permessage-deflate/])
  await client.destroy()
})
