/*
 * The demo's page in a real browser. Not run by tap: `node dist/test/browser/page.js`.
 * CHROMIUM names the browser's executable, SCREENSHOT a file for a picture of the page.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import sockets from 'fastify-sockets'
import type { Page } from 'playwright-core'
import { WebSocket } from 'ws'
import { launchChromium } from '../support/chromium.ts'
import { startExample } from '../support/example.ts'
import { blocks, page as pageOf } from '../support/markdown.ts'

const WINDOW = { viewport: { width: 800, height: 720 } }
const TIMEOUT = 10_000

let count = 0
let failed = 0

async function check (name: string, step: () => Promise<unknown>): Promise<void> {
  count++
  try {
    await step()
    console.log(`ok ${count} - ${name}`)
  } catch (error) {
    failed++
    console.log(`not ok ${count} - ${name}`)
    console.log(String((error as Error).stack).replace(/^/gm, '  # '))
  }
}

/** Waits until an element shows a text. */
async function shows (page: Page, selector: string, text: string): Promise<void> {
  await page.locator(selector, { hasText: text }).first().waitFor({ timeout: TIMEOUT })
}

async function say (page: Page, text: string): Promise<void> {
  await page.fill('#message', text)
  await page.click('#send')
}

async function join (page: Page, room: string, name: string): Promise<void> {
  await page.check('#target-room')
  await page.fill('#room', room)
  await page.fill('#name', name)
  await page.click('#connect')
  await shows(page, '#status', `In the room ${room}`)
}

/** A server of the page in examples/README.md. */
async function documented (): Promise<FastifyInstance> {
  const [html] = blocks(pageOf('examples/README.md'), 'html')
  const client = await readFile(new URL('dist/browser/client.js', import.meta.resolve('fastify-sockets/package.json')))
  const line = { type: 'object', properties: { text: { type: 'string' } } }
  const app = Fastify()
  app.register(sockets)
  app.get('/', (_request, reply) => { reply.type('text/html; charset=utf-8').send(html) })
  app.get('/favicon.ico', (_request, reply) => { reply.code(204).send() })
  app.get('/client.js', (_request, reply) => { reply.type('text/javascript; charset=utf-8').send(client) })
  app.get('/rooms/:room', { ws: true, schema: { message: line, send: line } }, socket => {
    socket.on('message', message => { socket.send(message as object) })
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app
}

let demo = await startExample('typed-chat')
const browser = await launchChromium()
try {
  // A window each: the browser slows down pages that stand behind others.
  const ada = await browser.newPage(WINDOW)
  const bob = await browser.newPage(WINDOW)
  const faults: string[] = []
  for (const page of [ada, bob]) {
    page.setDefaultTimeout(TIMEOUT)
    page.on('pageerror', error => { faults.push(error.message) })
    page.on('console', message => { if (message.type() === 'error' && !message.text().includes('net::ERR_')) faults.push(message.text()) })
    page.on('request', request => {
      const url = request.url()
      if (!url.startsWith('http://127.0.0.1:') && !url.startsWith('data:')) faults.push(`asked for ${url}`)
    })
  }

  await check('the page opens and is not connected yet', async () => {
    for (const page of [ada, bob]) {
      await page.goto(demo.url)
      await shows(page, '#status', 'Not connected')
      if (await page.isEnabled('#send')) throw new Error('there is nobody to send to')
    }
  })
  await check('the echo answers with the same text', async () => {
    await ada.click('#connect')
    await shows(ada, '#status', 'Connected to the echo')
    await say(ada, 'hällo 🌍')
    await shows(ada, '#log .sent', '→ hällo 🌍')
    await shows(ada, '#log .received', '← hällo 🌍')
  })
  await check('Disconnect closes with 1000', async () => {
    await ada.click('#connect')
    await shows(ada, '#status', 'Closed: 1000')
  })
  await check('two pages in one room hear each other', async () => {
    await join(ada, 'tea & cake', 'Ada')
    await join(bob, 'tea & cake', 'Bob')
    await say(ada, 'hello from Ada')
    await shows(bob, '#log .received', '"from":"Ada","text":"hello from Ada"}')
    await say(bob, 'hello from Bob')
    await shows(ada, '#log .received', '"from":"Bob","text":"hello from Bob"}')
  })
  await check('a message that breaks the schema ends the connection with 1008 and the reason', async () => {
    await bob.click('#violate')
    await shows(bob, '#log .sent', '→ {"text":""}')
    await shows(bob, '#status', 'Closed: 1008 message/text must NOT have fewer than 1 characters')
    await shows(bob, '#log .bad', '1008')
  })
  await check('the other page is still in the room', async () => {
    await say(ada, 'still here')
    await shows(ada, '#log .received', '"from":"Ada","text":"still here"}')
  })
  await check('when the server is killed and started again, the page comes back with what it has missed, once', async () => {
    await demo.stop('SIGKILL')
    await shows(ada, '#status', 'Reconnecting in')
    if (await ada.isEnabled('#send')) throw new Error('there is nobody to send to')
    await ada.context().setOffline(true)
    demo = await startExample('typed-chat', { PORT: new URL(demo.url).port })
    const carol = new WebSocket(`${demo.url.replace('http', 'ws')}/rooms/tea%20%26%20cake?name=Carol`)
    await once(carol, 'open')
    carol.send('{"text":"did you miss me"}')
    await once(carol, 'message')
    await ada.context().setOffline(false)
    await shows(ada, '#status', 'In the room tea & cake')
    await shows(ada, '#log .received', '"from":"Carol","text":"did you miss me"}')
    carol.send('{"text":"and now"}')
    await shows(ada, '#log .received', 'and now')
    const said = (await ada.locator('#log .received').allTextContents()).map(line => /"text":"(.+)"/.exec(line)?.[1])
    const wanted = ['hello from Ada', 'hello from Bob', 'still here', 'did you miss me', 'and now']
    if (JSON.stringify(said.slice(1)) !== JSON.stringify(wanted)) throw new Error(said.join(', '))
    carol.close()
  })
  await check('nobody comes back to a page that has disconnected', async () => {
    await ada.click('#connect')
    await shows(ada, '#status', 'Closed: 1000')
    if (await ada.locator('#connect').textContent() !== 'Connect') throw new Error('it is connected')
  })
  if (process.env.SCREENSHOT !== undefined) await ada.screenshot({ path: process.env.SCREENSHOT })
  await check('the page of examples/README.md works as it stands there', async () => {
    const server = await documented()
    await bob.goto(server.listeningOrigin)
    await shows(bob, '#state', 'open')
    await bob.fill('#text', 'from the document')
    await bob.press('#text', 'Enter')
    await shows(bob, '#lines li', 'from the document')
    await bob.goto('about:blank')
    await server.close()
  })
  await check('no script failed and nothing was asked of another host', async () => {
    if (faults.length > 0) throw new Error(faults.join('\n'))
  })
} finally {
  await browser.close()
  await demo.stop()
}
console.log(`1..${count}`)
if (failed > 0) process.exitCode = 1
