import type { RedisConnection, Reply } from './link.ts'
import { ALL } from './scripts/index.ts'
import type { Script } from './scripts/script.ts'

interface Run {
  readonly script: Script
  readonly partition: number
  readonly rest: ReadonlyArray<string | Uint8Array>
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

/**
 * Runs scripts on a connection by their hash. If a server has forgotten them (SCRIPT FLUSH), they are sent to it once more, without
 * any call being carried out before one that was made earlier.
 */
export class ScriptRunner {
  readonly #connection: RedisConnection
  /** How many are on their way. */
  #running = 0
  /** What was not carried out, because the script was not known, in the order of the calls. */
  #refused: Run[] = []
  /** What was called since then. */
  #waiting: Run[] = []

  constructor (connection: RedisConnection) {
    this.#connection = connection
  }

  /** Makes all scripts known to a server. */
  async load (partition: number): Promise<void> {
    await Promise.all(ALL.map(({ text }) => this.#connection.send(partition, ['SCRIPT', 'LOAD', text])))
  }

  run (script: Script, partition: number, keys: readonly string[], args: ReadonlyArray<string | Uint8Array>): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const run = { script, partition, rest: [String(keys.length), ...keys, ...args], resolve, reject }
      if (this.#refused.length > 0) this.#waiting.push(run)
      else this.#send(run)
    })
  }

  #send (run: Run): void {
    this.#running++
    this.#connection.send(run.partition, ['EVALSHA', run.script.sha, ...run.rest]).then(reply => {
      // Another process has made the script known meanwhile. What was called before must not come behind it.
      for (const { reject } of this.#refused) reject(new Error('the server has forgotten its scripts'))
      this.#refused = []
      run.resolve(reply)
      this.#onAnswer()
    }, (error: Error) => {
      if (error.message.startsWith('NOSCRIPT')) this.#refused.push(run)
      else run.reject(error)
      this.#onAnswer()
    })
  }

  #onAnswer (): void {
    if (--this.#running > 0 || this.#refused.length + this.#waiting.length === 0) return
    const runs = [...this.#refused, ...this.#waiting]
    this.#refused = []
    this.#waiting = []
    // The server does one after the other, so the scripts are there when they are called. If not, the calls say so.
    for (const partition of this.#partitions(runs)) this.load(partition).catch(() => {})
    for (const run of runs) this.#send(run)
  }

  /** One of each server. */
  #partitions (runs: readonly Run[]): number[] {
    return [...new Map(runs.map(({ partition }) => [this.#connection.serverOf(partition), partition])).values()]
  }
}
