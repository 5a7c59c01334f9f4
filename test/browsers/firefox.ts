import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { ended } from './cdp.ts'

/** FIREFOX names another executable. */
const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr'

/** Nothing that calls its makers, and what a page logs goes to its output. */
const PREFERENCES: Record<string, string | number | boolean> = {
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.newtabpage.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'datareporting.healthreport.uploadEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.server': 'data:,'
}

/** Starts Firefox without a driver on one page, in a profile of its own, until the test ends. Playwright would need its own build. */
export function startFirefox (t: Test, url: string): { printed: () => string } {
  if (!existsSync(FIREFOX)) throw new Error(`no ${FIREFOX}: apt-get install firefox-esr, or name its executable in FIREFOX`)
  const profile = mkdtempSync(join(tmpdir(), 'firefox-'))
  const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
  writeFileSync(join(profile, 'user.js'), lines.join(''))
  let printed = ''
  const child = spawn(FIREFOX, ['--headless', '--no-remote', '--profile', profile, url], {
    // Its children die with it only as a group.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1' }
  })
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', data => { printed += data })
  t.teardown(async () => {
    await ended(child)
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  return { printed: () => printed }
}
