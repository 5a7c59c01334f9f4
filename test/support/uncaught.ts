import type { Test } from 'tap'

const { emit } = process

/**
 * What reaches the process and would end it.
 *
 * @param onFound called with each of it
 */
export function uncaught (t: Test, onFound: (error: unknown) => void = () => {}): unknown[] {
  const found: unknown[] = []
  t.intercept(process, 'emit', {
    value: (event: string, ...args: unknown[]) => {
      // Comes first, and would let the test runner take the error for a failure.
      if (event === 'uncaughtExceptionMonitor') return true
      if (event === 'unhandledRejection' || event === 'uncaughtException') {
        found.push(args[0])
        onFound(args[0])
        return true
      }
      return Reflect.apply(emit, process, [event, ...args])
    }
  })
  return found
}
