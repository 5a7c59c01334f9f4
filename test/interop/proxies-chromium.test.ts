import { test } from 'tap'
import { startChromium } from './chromium.ts'
import { inFront } from './in-front.ts'
import { runChecksWith } from './run.ts'
import { startServer } from './server.ts'

/** How a page's WebSockets stand in the log. */
const BROWSERS = [
  { proxy: 'nginx', webSocket: /^HTTP\/1\.1 101 .*echo/, refusal: 'HTTP Authentication failed' },
  { proxy: 'haproxy', webSocket: /^HTTP\/2\.0 101 .*echo/, refusal: '' }
] as const

for (const { proxy, webSocket, refusal } of BROWSERS) {
  test(`Chromium through ${proxy}, whose page came by HTTP/2`, async t => {
    const server = await startServer(t, {})
    const front = await inFront(t, { name: proxy, proxy }, Number(new URL(server.url).port))
    await runChecksWith(t, await startChromium(t, refusal), { ...server, url: front.url })
    const lines = front.lines()
    t.match(lines[0], /^HTTP\/2\.0 200 .*\/$/, 'the page')
    t.strictSame(lines.filter(line => line.includes('/echo') && !webSocket.test(line)), [])
    t.ok(lines.some(line => webSocket.test(line)))
  })
}
