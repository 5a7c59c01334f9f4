/**
 * The environment of a program that a test starts: without what the test runner loads into each process, which takes a second
 * to load and is nothing that users have.
 *
 * @param added to the environment of the test
 */
export function childEnv (added: Record<string, string> = {}): NodeJS.ProcessEnv {
  // The runner puts it back where it is missing.
  return { ...process.env, NODE_OPTIONS: '', ...added }
}
