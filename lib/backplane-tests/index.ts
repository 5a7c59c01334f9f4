import { driverSubject } from './driver-subject.ts'
import { driverTests } from './driver-tests.ts'
import type { TestProcess } from './driver-setting.ts'
import { engineTests } from './engine-tests.ts'
import type { BackplaneTestOptions } from './options.ts'
import { remoteSubject } from './remote-subject.ts'
import type { BackplaneTest } from './world.ts'

export { Relay } from './relay.ts'
export type { BackplaneTestOptions } from './options.ts'
export type { TestProcess } from './driver-setting.ts'
export type { BackplaneTest, WeakerPromises } from './world.ts'

/**
 * The tests that every driver of a backplane passes: first what a driver does, and then what topics do that are built on it.
 * They need no particular test runner:
 *
 * ```ts
 * for (const { name, run } of backplaneTests({ createStore, connect, lease: 1500, grace: 300 })) test(name, run)
 * ```
 *
 * What is left undefined among the options is not tested. Give each test at least 30 s.
 */
export function backplaneTests<Store, Process extends TestProcess> (options: BackplaneTestOptions<Store, Process>): BackplaneTest[] {
  const subject = driverSubject(options)
  return [
    ...driverTests(subject).map(one => ({ ...one, name: `a driver: ${one.name}` })),
    ...engineTests(remoteSubject(subject)).map(one => ({ ...one, name: `topics: ${one.name}` }))
  ]
}
