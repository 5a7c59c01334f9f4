import type { TestProcess } from './driver-setting.ts'
import type { WeakerPromises } from './world.ts'

/**
 * Where the tests get stores and drivers from. `Store` is whatever stands for a store, such as the prefix of its keys, and
 * `Process` a driver with what belongs to it, such as its client; only your own functions look into them.
 *
 * Each test makes a store of its own. Two may run at the same time, unless `standstill`, `flush` or `save` affect others.
 */
export interface BackplaneTestOptions<Store, Process extends TestProcess> {
  /** Makes a store that nothing has used yet: a prefix or schema of its own on a server will do. */
  createStore (): Store | Promise<Store>
  /** A test that used the store has ended, and its drivers are closed. */
  removeStore? (store: Store): void | Promise<void>

  /**
   * Connects another process to a store: makes a driver, with connections of its own, and does not open it. All processes of
   * the tests are in the one that runs them.
   */
  connect (store: Store): Process | Promise<Process>
  /** The driver has been closed. */
  disconnect? (process: Process): void | Promise<void>

  /**
   * Milliseconds that messages are kept in the tests: they wait for it to pass. It must be much longer than a few calls take.
   * At the default, all tests together wait for about a minute and a half.
   *
   * @default 1000
   */
  readonly ttl?: number
  /**
   * Milliseconds after which your drivers take a process for gone of which they hear nothing, as they are configured here. A
   * second or two keeps the tests short.
   */
  readonly lease: number
  /** Milliseconds that the members of a closed process stay, as your drivers are configured here. */
  readonly grace: number
  /**
   * Lets milliseconds pass, for the drivers and the store.
   *
   * @default they pass by themselves
   */
  pass? (milliseconds: number): Promise<void>

  /** What your driver does not promise, as its documentation should say. By default it promises everything. */
  readonly weaker?: WeakerPromises
  /**
   * A position like this one, of the next message but one that may yet come: it must not be found. Without it, this is not
   * tested; that no text which resembles a position is taken for another is.
   */
  future? (at: string): string

  /**
   * Cuts the connections of a process, opened or not, until they are mended: nothing gets from it to the store or back, and new
   * connections fail. For the others it might as well have been killed. `Relay` does this for whatever connects by TCP. Without
   * it, this is not tested.
   */
  readonly link?: {
    cut (process: Process): void | Promise<void>
    mend (process: Process): void | Promise<void>
  }
  /**
   * Stops the store as SIGSTOP does, and lets it go on: it answers nothing, but what is sent to it waits there, and is found when
   * it goes on. Without it, this is not tested. It may be called more than once.
   */
  readonly standstill?: {
    stop (store: Store): void | Promise<void>
    resume (store: Store): void | Promise<void>
  }
  /** Makes the store forget everything it keeps, as FLUSHALL does. Without it, this is not tested. */
  flush? (store: Store): void | Promise<void>
  /**
   * Keeps what the store knows at present, and returns what makes it know that and nothing else, as a server does that comes
   * back from an old backup. Connections may be cut for it. Without it, this is not tested.
   */
  save? (store: Store): Promise<() => void | Promise<void>>
}
