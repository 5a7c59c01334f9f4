import { existsSync } from 'node:fs'
import type { BrowserContext, Page } from 'playwright-core'
import type { Test } from 'tap'
import { CHROMIUM, launchChromium } from '../support/chromium.ts'
import type { Abilities, Client, Report, Visit } from './visit.ts'

const CAN: Abilities = {
  fragments: false,
  ping: false,
  closeWithoutCode: true,
  compresses: true,
  declinesDeflate: false
}

/** A browser that takes certificates of our own making. */
export async function startBrowser (t: Test): Promise<BrowserContext> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`no ${CHROMIUM}: apt-get install chromium, or name its executable in CHROMIUM`)
  }
  const browser = await launchChromium()
  t.teardown(() => browser.close())
  return browser.newContext({ ignoreHTTPSErrors: true })
}

/** @param refusal what it tells its user of a handshake that is refused with 401 */
export async function startChromium (t: Test, refusal: string): Promise<Client> {
  const browser = await startBrowser(t)
  const page = await browser.newPage()
  return { can: CAN, refusal, visit: (url, visit) => visitFrom(page, url, visit) }
}

async function visitFrom (page: Page, url: string, visit: Visit): Promise<Report> {
  const { host, protocol } = new URL(url)
  // The page must be of the server's host, or its origin is refused.
  if (new URL(page.url()).host !== host) await page.goto(`${protocol === 'wss:' ? 'https' : 'http'}://${host}`)
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
