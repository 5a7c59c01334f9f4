import { test, type Test } from 'tap'
import type { LineOwner } from '../../lib/client/line.ts'
import type { Ending } from '../../lib/client/types.ts'
import { dialWebSocket } from '../../lib/client/web-line.ts'
import { turn, until } from '../support/until.ts'

const TARGET = { url: 'ws://server.test/', protocols: [], headers: {} }

/** A platform's WebSocket, whose events the test makes. */
class FakeWebSocket {
  static last: FakeWebSocket
  binaryType = ''
  protocol = ''
  bufferedAmount = 0
  readyState = 1
  onopen!: () => void
  onmessage!: (event: object) => void
  onclose!: (event: object) => void
  closed: unknown[] = []

  constructor () {
    FakeWebSocket.last = this
  }

  close (...args: unknown[]): void {
    this.closed.push(args)
  }
}

/** Writes down what a line says. */
function owner () {
  const events: string[] = []
  const endings: Ending[] = []
  const all: LineOwner = {
    onOpen: () => { events.push('open') },
    onMessage: () => { events.push('message') },
    onPong: () => { events.push('pong') },
    onEnd: ending => {
      events.push('end')
      endings.push(ending)
    }
  }
  return { ...all, events, endings }
}

function stubbed (t: Test, answer: () => unknown = () => { throw new Error('no network') }) {
  t.intercept(globalThis, 'WebSocket' as any, { value: FakeWebSocket })
  t.intercept(globalThis, 'fetch', { value: async () => answer() })
  const told = owner()
  const attempt = new AbortController()
  const line = dialWebSocket(TARGET, told, attempt.signal)
  const drop = (): void => {
    line.drop()
    attempt.abort()
  }
  return { ...told, line, drop, platform: FakeWebSocket.last }
}

test('a WebSocket that cannot be made is an error', t => {
  t.intercept(globalThis, 'WebSocket' as any, { value: function () { throw new SyntaxError('insecure') } })
  t.throws(() => dialWebSocket(TARGET, owner(), new AbortController().signal), { code: 'FST_ERR_WS_CLIENT_TARGET', cause: { message: 'insecure' } })
  t.end()
})

test('a WebSocket that a policy forbids is an error, where it is made and has ended', t => {
  t.intercept(globalThis, 'WebSocket' as any, { value: class { readyState = 3 } })
  t.throws(() => dialWebSocket(TARGET, owner(), new AbortController().signal), { code: 'FST_ERR_WS_CLIENT_TARGET' })
  t.end()
})

test('a line that is closed after the server has begun to close it ends as the server says', async t => {
  const { platform, line, endings } = stubbed(t)
  platform.onopen()
  platform.readyState = 2
  line.close(4001, 'ours')
  platform.onclose({ code: 4001, reason: 'theirs', wasClean: true })
  t.match(endings, [{ code: 4001, reason: 'theirs', initiator: 'remote' }])
})

test('a refusal whose body does not end is one after 3 s', async t => {
  const patience = new AbortController()
  const asked: number[] = []
  t.intercept(AbortSignal, 'timeout', { value: (milliseconds: number) => (asked.push(milliseconds), patience.signal) })
  let isCancelled = false
  const body = new ReadableStream({
    start: controller => { controller.enqueue(new TextEncoder().encode('beginning')) },
    cancel: () => { isCancelled = true }
  })
  const { platform, endings } = stubbed(t, () => ({ status: 403, headers: new Headers({ 'retry-after': '7' }), body }))
  platform.onclose({ code: 1006, reason: '', wasClean: false })
  await until(() => asked.length > 0)
  for (let i = 0; i < 4; i++) await turn()
  t.strictSame(endings, [])
  patience.abort()
  await until(() => endings.length > 0)
  t.strictSame(asked, [3000])
  t.match(endings, [{ status: 403, body: 'beginning', retryAfter: 7000, error: null }])
  await until(() => isCancelled)
})

test('a platform that has no code for a cut connection means 1006', async t => {
  const { platform, endings } = stubbed(t)
  platform.onopen()
  platform.onclose({ code: 0, reason: '', wasClean: false })
  t.match(endings, [{ code: 1006, initiator: 'remote' }])
})

test('a code that is not ours has the reason of the server', async t => {
  const { platform, line, endings } = stubbed(t)
  platform.onopen()
  line.close(4000, 'ours')
  platform.onclose({ code: 4001, reason: 'theirs', wasClean: true })
  t.match(endings, [{ code: 4001, reason: 'theirs' }])
})

test('a line that was dropped says nothing, whatever its WebSocket does', async t => {
  const { platform, drop, events } = stubbed(t)
  drop()
  platform.onopen()
  platform.onmessage({ data: 'late' })
  platform.onclose({ code: 1000, reason: '', wasClean: true })
  await turn()
  t.strictSame(events, [])
  t.equal(platform.closed.length, 1)
})

test('a line that is dropped while it asks why says nothing', async t => {
  const { platform, drop, events } = stubbed(t)
  platform.onclose({ code: 1006, reason: '', wasClean: false })
  drop()
  await turn()
  t.strictSame(events, [])
})

for (const [what, response, wanted] of [
  ['a refusal without a body', { status: 403, headers: new Headers(), body: null }, { status: 403, body: '' }],
  ['a redirection without a body', { status: 0, headers: new Headers(), body: null }, { status: 0, body: '' }],
  ['a page', new Response('hello'), { status: 0, body: '' }],
  ['a refusal that is cut', {
    status: 503,
    headers: new Headers({ 'retry-after': '7' }),
    body: new ReadableStream({ start: controller => { controller.error(new Error('cut')) } })
  }, { status: 503, body: '', retryAfter: 7000, error: null }],
  ['a refusal without an end that cannot be left', {
    status: 401,
    headers: new Headers(),
    body: new ReadableStream({
      pull: controller => { controller.enqueue(new Uint8Array(10_000).fill(97)) },
      cancel: () => Promise.reject(new Error('not cancelled'))
    })
  }, { status: 401, body: 'a'.repeat(65_536), error: null }]
] as const) {
  test(`${what} where a handshake failed`, async t => {
    const { platform, endings } = stubbed(t, () => response)
    platform.onclose({ code: 1006, reason: '', wasClean: false })
    await until(() => endings.length > 0)
    t.match(endings, [{ code: 1006, wasClean: false, ...wanted }])
  })
}

test('where nothing answers, an error says so', async t => {
  const { platform, endings } = stubbed(t)
  platform.onclose({ code: 1006, reason: '', wasClean: false })
  await until(() => endings.length > 0)
  t.match(endings, [{ code: 1006, status: 0, error: { code: 'FST_ERR_WS_CLIENT_CONNECT', cause: { message: 'no network' } } }])
})

for (const [value, least, most] of [
  ['7', 7000, 7000], [' 7 ', 7000, 7000], ['31536000', 86_400_000, 86_400_000], ['in 20 s', 10_000, 20_000],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0, 0], ['soon', 0, 0], ['-1', 0, 0], ['', 0, 0]
] as const) {
  test(`Retry-After: '${value}'`, async t => {
    const header = value === 'in 20 s' ? new Date(Date.now() + 20_000).toUTCString() : value
    const { platform, endings } = stubbed(t, () => new Response('', { status: 503, headers: { 'retry-after': header } }))
    platform.onclose({ code: 1006, reason: '', wasClean: false })
    await until(() => endings.length === 1)
    t.ok(endings[0]!.retryAfter >= least && endings[0]!.retryAfter <= most, `${endings[0]!.retryAfter} ms`)
  })
}
