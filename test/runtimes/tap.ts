/**
 * What the tests use of tap, which knows no runtime but Node.js: tests one after the other, in TAP, with a time limit each.
 * What is equal, and what matches, is for tap's own `tcompare` to say.
 */
import { match, type Result, same, strict } from 'tcompare'

/** Milliseconds that a test may take. */
const PATIENCE = 10_000

type Code = (t: T) => unknown

interface Declared {
  name: string
  code: Code
  timeout: number
}

const declared: Declared[] = []

/** Declares a test; `runTests` runs it. */
export function test (name: string, ...rest: [Code] | [{ timeout?: number }, Code]): void {
  const code = rest.at(-1) as Code
  const { timeout = PATIENCE } = rest.length > 1 ? rest[0] as { timeout?: number } : {}
  declared.push({ name, code, timeout })
}

/** The assertions of a test. What fails is told at its end; the test goes on. */
export class T {
  readonly faults: string[] = []
  readonly #teardowns: Array<() => unknown> = []

  teardown (code: () => unknown): void {
    this.#teardowns.unshift(code)
  }

  async end (): Promise<void> {
    for (const teardown of this.#teardowns) await teardown()
  }

  async test (name: string, code: Code): Promise<void> {
    await runTest({ name, code, timeout: PATIENCE }, this)
  }

  setTimeout (): void {}

  comment (...words: unknown[]): void {
    console.log('#', ...words)
  }

  pass (): boolean {
    return true
  }

  fail (why = 'failed'): boolean {
    return this.#check(false, why)
  }

  ok (value: unknown, why = 'should be truthy'): boolean {
    return this.#check(Boolean(value), why)
  }

  notOk (value: unknown, why = 'should be falsy'): boolean {
    return this.#check(!value, why)
  }

  equal (found: unknown, wanted: unknown, why = ''): boolean {
    return this.#check(Object.is(found, wanted) || found === wanted, `${why}: found ${show(found)}, wanted ${show(wanted)}`)
  }

  not (found: unknown, wanted: unknown, why = ''): boolean {
    return this.#check(found !== wanted, `${why}: found ${show(found)}`)
  }

  same (found: unknown, wanted: unknown, why = ''): boolean {
    return this.#compare(same(found, wanted), why)
  }

  strictSame (found: unknown, wanted: unknown, why = ''): boolean {
    return this.#compare(strict(found, wanted), why)
  }

  match (found: unknown, wanted: unknown, why = ''): boolean {
    return this.#compare(match(found, wanted), why)
  }

  notMatch (found: unknown, wanted: unknown, why = 'should not match'): boolean {
    return this.#check(!match(found, wanted).match, `${why}: ${show(found)}`)
  }

  type (found: unknown, wanted: string | Function): boolean {
    const isOf = typeof wanted === 'string' ? typeof found === wanted : found instanceof wanted
    return this.#check(isOf, `found ${show(found)}, wanted a ${String(wanted)}`)
  }

  throws (code: () => unknown, wanted: unknown = undefined): boolean {
    try {
      code()
    } catch (error) {
      return this.#isLike(error, wanted)
    }
    return this.#check(false, 'did not throw')
  }

  async rejects (promise: Promise<unknown> | (() => Promise<unknown>), wanted: unknown = undefined): Promise<boolean> {
    try {
      await (typeof promise === 'function' ? promise() : promise)
    } catch (error) {
      return this.#isLike(error, wanted)
    }
    return this.#check(false, 'did not reject')
  }

  async resolves (promise: Promise<unknown> | (() => Promise<unknown>), why = ''): Promise<boolean> {
    try {
      await (typeof promise === 'function' ? promise() : promise)
      return true
    } catch (error) {
      return this.#check(false, `${why}: rejected with ${show(error)}`)
    }
  }

  /** Replaces a property until the test ends. */
  intercept (object: object, name: string, descriptor: PropertyDescriptor): void {
    const before = Object.getOwnPropertyDescriptor(object, name)
    Object.defineProperty(object, name, { configurable: true, writable: 'value' in descriptor, ...descriptor })
    this.teardown(() => {
      if (before === undefined) Reflect.deleteProperty(object, name)
      else Object.defineProperty(object, name, before)
    })
  }

  #isLike (error: unknown, wanted: unknown): boolean {
    if (wanted === undefined || typeof wanted === 'string') return true
    if (typeof wanted === 'function') return this.#check(error instanceof wanted, `is no ${wanted.name}: ${show(error)}`)
    return this.#compare(match(wanted instanceof RegExp ? String((error as Error).message) : error, wanted), 'the error')
  }

  #compare ({ match: isLike, diff }: Result, why: string): boolean {
    return this.#check(isLike, `${why}\n${diff}`)
  }

  #check (isRight: boolean, why: string): boolean {
    if (!isRight) this.faults.push(why + where())
    return isRight
  }
}

/** Runs what was declared, and says how it went. Returns how many tests failed. */
export async function runTests (): Promise<number> {
  let failed = 0
  for (const [i, one] of declared.entries()) {
    const t = new T()
    const start = performance.now()
    await runTest(one, t)
    const ok = t.faults.length === 0
    if (!ok) failed++
    console.log(`${ok ? 'ok' : 'not ok'} ${i + 1} - ${one.name.replaceAll('#', '\\#')} # time=${(performance.now() - start).toFixed()}ms`)
    for (const fault of t.faults) console.log(fault.replaceAll(/^/gm, '    '))
  }
  console.log(`1..${declared.length}`)
  return failed
}

async function runTest ({ name, code, timeout }: Declared, { faults }: T): Promise<void> {
  const t = new T()
  let timer: ReturnType<typeof setTimeout> | undefined
  const { setTimeout, clearTimeout } = timers
  const late = new Promise<void>(resolve => {
    timer = setTimeout(() => {
      t.fail(`not done after ${timeout} ms`)
      resolve()
    }, timeout)
  })
  try {
    await Promise.race([code(t), late])
    await Promise.race([t.end(), late])
  } catch (error) {
    t.fail(`threw ${show(error)}`)
  }
  clearTimeout(timer)
  faults.push(...t.faults.map(fault => `${name}: ${fault}`))
}

/** Those of the runtime: tests put others in their place. */
const timers = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout }

function show (value: unknown): string {
  if (value instanceof Error) return String(value.stack)
  return typeof value === 'object' && value !== null ? 'an object' : typeof value === 'string' ? JSON.stringify(value) : String(value)
}

/** The line of a test that is being run. */
function where (): string {
  const line = new Error('where').stack?.split('\n').find(one => one.includes('.test.'))
  return line === undefined ? '' : `\n${line.trim()}`
}
