import { type Browser, chromium } from 'playwright-core'

/** CHROMIUM names another executable. */
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Without a sandbox, so that it runs as root in a container, and without calling its makers. */
export const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'
]

export function launchChromium (): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
}
