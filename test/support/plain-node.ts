/**
 * How a test starts Node as a user does: without what the test runner loads into each process by NODE_OPTIONS, which takes
 * most of a second. The runner puts it back into what a test starts, so another program takes it out.
 *
 * @returns a command and its arguments
 */
export function plainNode (...args: string[]): [command: string, args: string[]] {
  return ['env', ['-u', 'NODE_OPTIONS', process.execPath, ...args]]
}
