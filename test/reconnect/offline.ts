import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import FakeTimers from '@sinonjs/fake-timers'
import { until } from '../support/until.ts'
import { BUILDS, type BuildName } from './builds.ts'
import type { Scenario } from './stage.ts'

const DAY = 86_400_000
const ATTEMPTS = 10_000
/** Bytes by which the heap may differ for other reasons than the client. */
const NOISE = 600_000
/** Attempts after which code is compiled, and caches are filled. */
const WARM = 2000

/** Bytes of the heap, and of what hangs on it. */
async function heap (): Promise<number> {
  let least = Infinity
  for (let i = 0; i < 6; i++) {
    globalThis.gc!()
    await wait(20)
    const { heapUsed, external } = process.memoryUsage()
    least = Math.min(least, heapUsed + external)
  }
  return least
}

export const offline: Scenario[] = (['node', 'web'] as BuildName[]).map((build): Scenario => ({
  name: `${build}: a day without a network, with something to send each second, and ${ATTEMPTS} attempts that fail`,
  flags: ['--expose-gc'],
  async run (stage) {
    const port = await stage.listen(() => {})
    await stage.end()
    const controller = new AbortController()
    const clock = FakeTimers.install({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'], now: Date.now(), shouldClearNativeTimers: true })
    stage.defer(() => clock.uninstall())
    let dropped = 0
    let delay = 0
    let failed = 0
    const socket = BUILDS[build](`ws://127.0.0.1:${port}`).connect('/json', { queue: true, signal: controller.signal, query: ({ attempt }: { attempt: number }) => ({ attempt }) })
    socket.on('drop', () => { dropped++ })
    socket.on('state', (state, change) => {
      if (state !== 'waiting') return
      failed++
      delay = change.delay
    })
    const counts = { queued: 0, dropped: 0, sent: 0 }
    let [sent, time] = [0, 0]
    const message = { text: 'x'.repeat(2000) }
    const go = async (attempts: number): Promise<void> => {
      for (let i = 0; i < attempts; i++) {
        const known = failed
        for (let left = delay; left > 0; left -= 1000) {
          clock.tick(Math.min(left, 1000) + (left <= 1000 ? 1 : 0))
          counts[socket.send({ ...message, n: sent++ })]++
        }
        time += delay
        // A real one: nobody listens there.
        await until(() => failed > known, 'an attempt to fail')
      }
    }
    await until(() => failed === 1)
    await go(WARM)
    const before = { heap: await heap(), timers: clock.countTimers(), resources: process.getActiveResourcesInfo().length }
    await go(ATTEMPTS - WARM)
    const after = { heap: await heap(), timers: clock.countTimers(), resources: process.getActiveResourcesInfo().length }
    stage.say(`${(time / DAY).toFixed(1)} days, ${sent} messages, heap ${after.heap - before.heap} B more`)
    assert.ok(time > DAY)
    assert.ok(after.heap - before.heap < NOISE, `the heap has grown by ${after.heap - before.heap} B`)
    // The next attempt, the age of the queue, and those that `fetch` has.
    assert.ok(after.timers <= 4, `${after.timers} timers`)
    assert.ok(after.resources <= before.resources + 2, `${after.resources} resources, ${before.resources} before`)
    assert.equal(getEventListeners(controller.signal, 'abort').length, 1)
    assert.equal(counts.sent, 0)
    const kept = sent - dropped - counts.dropped
    assert.ok(kept > 10 && kept < 70, `${kept} wait: those of the last minute, as far as there is room`)
    controller.abort()
    await socket.closed
    assert.equal(dropped + counts.dropped, sent)
    if (build === 'node') assert.equal(clock.countTimers(), 0)
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  }
}))
