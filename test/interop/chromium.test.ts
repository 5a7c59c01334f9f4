import { existsSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { test, type Test } from 'tap'
import { CHROMIUM, launchChromium } from '../support/chromium.ts'
import { runChecks } from './run.ts'
import type { Client, Report, Visit } from './visit.ts'

async function startChromium (t: Test): Promise<Client> {
  const browser = await launchChromium()
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  return {
    can: {
      fragments: false,
      ping: false,
      closeWithoutCode: true,
      compresses: true,
      declinesDeflate: false
    },
    refusal: 'HTTP Authentication failed',
    visit: (url, visit) => visitFrom(page, url, visit)
  }
}

async function visitFrom (page: Page, url: string, visit: Visit): Promise<Report> {
  const { host } = new URL(url)
  // The page must be of the server's host, or its origin is refused.
  if (new URL(page.url()).host !== host) await page.goto(`http://${host}`)
  const failed = new Promise<string>(resolve => {
    page.once('websocket', socket => { socket.once('socketerror', resolve) })
  })
  // As text: the compiler would rewrite the import.
  const report: Report = await page.evaluate(
    `import('/web-socket.js').then(client => client.visit(...${JSON.stringify([url, visit])}))`
  )
  // Chromium tells its user what has failed, but not the page.
  return report.opened ? report : { ...report, error: await failed }
}

test('Chromium', async t => {
  if (!existsSync(CHROMIUM)) {
    t.fail(`no ${CHROMIUM}: apt-get install chromium, or name its executable in CHROMIUM`)
    return
  }
  await runChecks(t, await startChromium(t))
})
