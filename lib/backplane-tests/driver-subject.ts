import type { TestProcess } from './driver-setting.ts'
import type { BackplaneTestOptions } from './options.ts'
import { sleep } from './waiting.ts'
import type { Hook, Store, Subject, World } from './world.ts'

/** What an author has told of a driver, as the tests need it. */
export function driverSubject<OwnStore, Process extends TestProcess> (options: BackplaneTestOptions<OwnStore, Process>): Subject<Process> {
  const { ttl = 1000, lease, grace, weaker = {}, future = null } = options
  return {
    ttl,
    lease,
    grace,
    weaker,
    future,
    hooks: hooksOf(options),
    begin: async () => new DriverWorld(options)
  }
}

function hooksOf<OwnStore, Process extends TestProcess> (options: BackplaneTestOptions<OwnStore, Process>): Set<Hook> {
  const { future, link, standstill, flush, save } = options
  const hooks = new Set<Hook>(['several'])
  if (future !== undefined) hooks.add('future')
  if (link !== undefined) hooks.add('cut')
  if (standstill !== undefined) hooks.add('stop')
  if (flush !== undefined) hooks.add('flush')
  if (save !== undefined) hooks.add('save')
  return hooks
}

/** Stores and processes of one test. */
class DriverWorld<OwnStore, Process extends TestProcess> implements World<Process> {
  readonly #options: BackplaneTestOptions<OwnStore, Process>
  readonly #stores: OwnStore[] = []
  readonly #processes: Process[] = []
  /** What a test that has failed may have left undone. */
  readonly #undo: Array<() => void | Promise<void>> = []
  readonly pass

  constructor (options: BackplaneTestOptions<OwnStore, Process>) {
    this.#options = options
    this.pass = options.pass ?? sleep
  }

  async store (): Promise<Store<Process>> {
    const options = this.#options
    const store = await options.createStore()
    this.#stores.push(store)
    return {
      connect: async () => {
        const process = await options.connect(store)
        this.#processes.push(process)
        return process
      },
      cut: async process => {
        this.#undo.push(() => options.link!.mend(process))
        await options.link!.cut(process)
      },
      mend: async process => options.link!.mend(process),
      stop: async () => {
        this.#undo.push(() => options.standstill!.resume(store))
        await options.standstill!.stop(store)
      },
      resume: async () => options.standstill!.resume(store),
      flush: async () => options.flush!(store),
      save: async () => {
        const restore = await options.save!(store)
        return async () => restore()
      }
    }
  }

  async end (): Promise<void> {
    const { disconnect, removeStore } = this.#options
    for (const undo of this.#undo) await undo()
    for (const process of this.#processes) {
      await process.driver.close()
      await disconnect?.(process)
    }
    for (const store of this.#stores) await removeStore?.(store)
  }
}
