import FakeTimers from '@sinonjs/fake-timers'
import type { Test } from 'tap'
import { turn } from './until.ts'

type Also = 'performance' | 'Date'

export type Clock = ReturnType<typeof FakeTimers.install>

/**
 * Timers that go only when the test moves the clock, until it ends; `performance.now()` or dates too where that is asked for.
 * Input and output stay real.
 */
export function fakeClock (t: Test, ...also: Also[]): Clock {
  const clock = installClock(...also)
  t.teardown(() => clock.uninstall())
  return clock
}

/** The same, until it is uninstalled. */
export function installClock (...also: Also[]): Clock {
  return FakeTimers.install({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', ...also],
    // What an earlier test has left may end now, and with it a real timer.
    shouldClearNativeTimers: true
  })
}

/**
 * Time goes by in steps, with turns of the event loop in between: what takes a few turns then takes little time. Otherwise, every
 * deadline in that time would be over before anything could be answered.
 */
export async function pass (clock: Clock, milliseconds: number, step = 250): Promise<void> {
  for (let left = milliseconds; left > 0; left -= step) {
    await clock.tickAsync(Math.min(left, step))
    for (let i = 0; i < 8; i++) await turn()
  }
}

/** The same as fakeClock, when what an earlier test has left has had two turns to end: it may start a timer, or clear a real one. */
export async function settledClock (t: Test): Promise<Clock> {
  await turn()
  await turn()
  return fakeClock(t)
}

/** Delays that are spread at random take their longest. */
export function noSpread (t: Test): void {
  t.intercept(Math, 'random', { value: () => 0 })
}
