/*
 * Chromium opens a WebSocket over HTTP/2 where it has a session with the origin and the server has announced that it
 * can (RFC 8441 §3). Where it has none it connects with HTTP/1.1.
 */
import type { Http2Session, ServerHttp2Stream } from 'node:http2'
import type { FastifyRequest } from 'fastify'
import type { Socket } from 'fastify-sockets'
import type { BrowserContext, Page } from 'playwright-core'
import { test, type Test } from 'tap'
import { certificate, start as startExample } from '../examples/support.ts'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { linesWith } from '../support/handshakes.ts'
import { startBrowser, startChromium } from './chromium.ts'
import { runChecks } from './run.ts'

const tls = await selfSigned()

/** RST_STREAM with this code is what a reset is in TCP (RFC 8441 §5). */
const CANCEL = 8

test('Chromium over HTTP/2', async t => {
  // It tells its user nothing of a 401 there.
  await runChecks(t, await startChromium(t, ''), { http2: true, https: { ...tls, allowHTTP1: true } })
})

test('Chromium over HTTP/2, with a server that speaks nothing else', async t => {
  await runChecks(t, await startChromium(t, ''), { http2: true, https: tls })
})

interface Arrival {
  socket: Socket
  request: FastifyRequest
  stream: ServerHttp2Stream | undefined
  /** The stream forgets it at its end. */
  session: Http2Session | undefined
}

/** A server that echoes at `/echo`, and a browser that has visited nothing yet. */
async function start (t: Test, allowHTTP1 = true) {
  const browser = await startBrowser(t)
  const app = createApp(t, {}, { http2: true, https: { ...tls, allowHTTP1 } } as any)
  const arrivals: Arrival[] = []
  const pages: Http2Session[] = []
  app.get('/', async (request, reply) => {
    pages.push(streamOf(request)!.session!)
    return reply.type('text/html').send('<!doctype html><title>interop</title>')
  })
  const echo = (socket: Socket, request: FastifyRequest): void => {
    const stream = streamOf(request)
    arrivals.push({ socket, request, stream, session: stream?.session })
    socket.on('message', message => { socket.send(message) })
  }
  app.get('/echo', { ws: true }, echo)
  app.get('/public', { ws: { origin: true } }, echo)
  app.get('/private', {
    ws: true,
    preHandler: async (_request, reply) => reply.code(403).send({ error: 'who are you?' })
  }, () => {})
  const port = await listen(app)
  return { app, arrivals, browser, pages, port, host: `127.0.0.1:${port}` }
}

async function visit (browser: BrowserContext, host: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(`https://${host}/`)
  return page
}

/** Has a page ask another server for something, whatever that answers. */
async function openSession (page: Page, host: string): Promise<void> {
  await page.evaluate(`fetch('https://${host}/', { mode: 'no-cors', credentials: 'include' }).then(() => {})`)
}

/** Opens a socket in the page, where `sockets` holds it, and waits for the echo of what it sends. */
async function talk (page: Page, url: string, text: string): Promise<string> {
  return page.evaluate(`new Promise((resolve, reject) => {
    const socket = new WebSocket(${JSON.stringify(url)})
    const seen = { socket, ended: new Promise(resolve => {
      socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean })
    }) };
    (globalThis.sockets ??= []).push(seen)
    socket.onopen = () => socket.send(${JSON.stringify(text)})
    socket.onmessage = event => resolve(event.data)
    socket.onerror = () => reject(new Error('it did not open'))
  })`)
}

/** How the sockets of a page have ended. */
function ends (page: Page): Promise<unknown[]> {
  return page.evaluate('Promise.all(sockets.map(({ ended }) => ended))')
}

/** The events of a socket that does not open, and what the browser tells its user. */
async function refused (page: Page, url: string): Promise<{ events: unknown[], told: string }> {
  const told = new Promise<string>(resolve => {
    page.once('websocket', socket => { socket.once('socketerror', resolve) })
  })
  const events: unknown[] = await page.evaluate(`new Promise(resolve => {
    const events = []
    const socket = new WebSocket(${JSON.stringify(url)})
    socket.onopen = socket.onerror = ({ type }) => events.push(type)
    socket.onclose = ({ code, wasClean }) => resolve([...events, code, wasClean])
  })`)
  return { events, told: await told }
}

function streamOf (request: FastifyRequest): ServerHttp2Stream | undefined {
  return (request.raw as { stream?: ServerHttp2Stream }).stream
}

test('the sockets of a page share its session', async t => {
  const { arrivals, browser, host, pages } = await start(t)
  const page = await visit(browser, host)
  for (const text of ['one', 'two', 'three']) t.equal(await talk(page, `wss://${host}/echo`, text), text)
  t.equal(arrivals.length, 3)
  for (const { request, session, socket } of arrivals) {
    t.equal(request.raw.httpVersion, '2.0')
    t.ok(session === pages[0])
    t.match(request, { method: 'GET', protocol: 'https', host })
    t.equal(socket.state, 'open')
  }
  t.equal(new Set(arrivals.map(({ stream }) => stream?.id)).size, 3, 'a stream for each')
  const [one, two, three] = arrivals as [Arrival, Arrival, Arrival]
  await two.socket.close(4000, 'enough')
  t.strictSame(await page.evaluate('sockets[1].ended'), { code: 4000, reason: 'enough', wasClean: true })
  t.equal(one.socket.state, 'open')
  t.equal(three.socket.state, 'open')
})

test('a handshake that a hook refuses: the page sees an error and 1006, the browser tells the status', async t => {
  const { app, arrivals, browser, host, pages } = await start(t)
  const page = await visit(browser, host)
  for (const [path, status] of [['/private', 403], ['/nowhere', 404]] as const) {
    const { events, told } = await refused(page, `wss://${host}${path}`)
    t.strictSame(events, ['error', 1006, false], path)
    t.match(told, `Unexpected response code: ${status}`)
    const { reqId } = app.lines.find(line => line.req?.url === path)!
    const [completed] = linesWith(app.lines, 'request completed').filter(line => line.reqId === reqId)
    t.match(completed, { res: { statusCode: status } })
  }
  t.equal(await talk(page, `wss://${host}/echo`, 'still here'), 'still here')
  t.ok(arrivals[0]!.session === pages[0], 'the session goes on')
})

test('a page of another site is refused', async t => {
  const there = await start(t)
  const here = await start(t)
  const page = await visit(here.browser, here.host)
  await openSession(page, there.host)
  const { events, told } = await refused(page, `wss://${there.host}/echo`)
  t.strictSame(events, ['error', 1006, false])
  t.match(told, 'Unexpected response code: 403')
  const [line] = linesWith(there.app.lines, "the origin is not allowed: see the WebSocket option 'origin'")
  t.match(line, { origin: `https://${here.host}`, host: there.host })
  t.match(there.app.lines.find(({ reqId, res }) => reqId === line!.reqId && res), { res: { statusCode: 403 } })
  t.equal(there.arrivals.length, 0)
})

for (const allowHTTP1 of [true, false]) {
  test(`the page of another server has no session with this one yet, allowHTTP1 is ${allowHTTP1}`, async t => {
    const there = await start(t, allowHTTP1)
    const here = await start(t)
    const page = await visit(here.browser, here.host)
    const url = `wss://${there.host}/public`
    if (allowHTTP1) {
      await talk(page, url, 'first')
    } else {
      t.strictSame((await refused(page, url)).events, ['error', 1006, false])
      await openSession(page, there.host)
      await talk(page, url, 'first')
    }
    t.strictSame(there.arrivals.map(({ request }) => request.raw.httpVersion), [allowHTTP1 ? '1.1' : '2.0'])
  })
}

test('app.close(): the page sees 1001 on all its sockets', async t => {
  const { app, arrivals, browser, host, pages } = await start(t)
  const page = await visit(browser, host)
  for (const text of ['one', 'two']) await talk(page, `wss://${host}/echo`, text)
  await app.close()
  const end = { code: 1001, reason: 'the server is shutting down', wasClean: true }
  t.strictSame(await ends(page), [end, end])
  for (const { socket } of arrivals) t.strictSame(await socket.closed, { ...end, initiator: 'local' })
  t.ok(pages[0]!.closed)
})

test('a tab that is closed', async t => {
  const { arrivals, browser, host } = await start(t)
  const [leaving, staying] = [await visit(browser, host), await visit(browser, host)]
  for (const page of [leaving, staying]) await talk(page, `wss://${host}/echo`, 'hello')
  const [gone, here] = arrivals as [Arrival, Arrival]
  t.ok(gone.session === here.session, 'both have one session')
  await leaving.close()
  t.strictSame(await gone.socket.closed, { code: 1006, reason: '', wasClean: false, initiator: 'remote' })
  t.equal(gone.stream?.rstCode, CANCEL)
  t.equal(await talk(staying, `wss://${host}/echo`, 'still here'), 'still here')
  t.equal(here.socket.state, 'open')
})

test('the page of the example', async t => {
  const { url } = await startExample(t, 'http2', await certificate(t))
  const browser = await startBrowser(t)
  const [ada, bob] = [await browser.newPage(), await browser.newPage()]
  for (const page of [ada, bob]) {
    await page.goto(url)
    await page.getByText(/^HTTP\/2\.0, stream \d+: welcome$/m).waitFor()
  }
  await ada.fill('input', 'hello, Bob')
  await ada.click('button')
  for (const page of [ada, bob]) await page.getByText(/^HTTP\/2\.0, stream \d+: hello, Bob$/m).waitFor()
  t.equal(await ada.inputValue('input'), '')
})
