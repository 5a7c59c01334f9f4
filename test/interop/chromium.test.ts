import { test } from 'tap'
import { startChromium } from './chromium.ts'
import { runChecks } from './run.ts'

test('Chromium', async t => {
  await runChecks(t, await startChromium(t, 'HTTP Authentication failed'))
})
