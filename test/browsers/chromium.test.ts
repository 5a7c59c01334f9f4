import { test } from 'tap'
import { launchChromium } from '../support/chromium.ts'
import { startHost } from './host.ts'
import { addressOf, reported, scriptsOf } from './reported.ts'

/** What Chromium itself says on the console of a connection that fails: no page can prevent that. */
const ITS_OWN = /^WebSocket connection to |^Failed to load resource: |has been blocked by CORS policy|violates the following Content Security Policy/

for (const place of ['window', 'worker', 'shared']) {
  test(`Chromium, ${place}`, async t => {
    const host = await startHost(t)
    const browser = await launchChromium()
    t.teardown(() => browser.close())
    const page = await browser.newPage()
    const faults: string[] = []
    page.on('pageerror', error => { faults.push(String(error)) })
    page.on('console', message => {
      if (['error', 'warning'].includes(message.type()) && !ITS_OWN.test(message.text())) faults.push(message.text())
    })
    await page.goto(addressOf(host, place, place))
    await reported(t, host, place, () => faults.join('\n'))
    t.strictSame(faults, [], 'nothing on the console')
    t.strictSame(scriptsOf(host), ['/client.js', '/contract.js', '/start.js', place === 'window' ? '/window.js' : '/worker.js'].sort(),
      'the bundles load nothing else')
  })
}
