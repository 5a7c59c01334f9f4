import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Milliseconds without an answer after which a process must be stuck. */
const SILENCE = 120_000

type Questions<Q> = { [K in keyof Q]: (argument: any) => unknown }

interface Waiting {
  resolve (answer: any): void
  reject (error: Error): void
}

/** A process that runs a script of this folder and answers questions. */
export class Child<Q extends Questions<Q>> {
  readonly name: string
  /** Its exit code or the signal that ended it. */
  readonly exit: Promise<number | string>
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #questions = 0
  #ended: Error | null = null

  /**
   * @param within a command that runs the one that follows it, such as `ip netns exec NAME`
   * @param onErrorOutput gets what the process writes to stderr, which is shown otherwise
   */
  constructor (
    script: string, name: string, flags: string[] = [], within: string[] = [], onErrorOutput?: (text: string) => void
  ) {
    this.name = name
    const path = fileURLToPath(new URL(`${script}.js`, import.meta.url))
    const [command, ...rest] = [...within, process.execPath, ...flags, path]
    this.#process = spawn(command!, rest, {
      stdio: ['ignore', 'inherit', onErrorOutput === undefined ? 'inherit' : 'pipe', 'ipc'], serialization: 'advanced'
    })
    if (onErrorOutput !== undefined) this.#process.stderr!.setEncoding('utf8').on('data', onErrorOutput)
    this.exit = once(this.#process, 'exit').then(([code, signal]) => code ?? signal)
    this.#process.on('message', ({ id, answer, error }: any) => {
      const waiting = this.#waiting.get(id)!
      this.#waiting.delete(id)
      if (error === undefined) waiting.resolve(answer)
      else waiting.reject(new Error(`${name}: ${error}`))
    })
    void this.exit.catch((error: Error) => error.message).then(how => {
      this.#ended = new Error(`the process of ${name} ended with ${how}`)
      for (const { reject } of this.#waiting.values()) reject(this.#ended)
    })
  }

  get pid (): number {
    return this.#process.pid!
  }

  ask<K extends keyof Q & string> (question: K, argument?: Parameters<Q[K]>[0]): Promise<Awaited<ReturnType<Q[K]>>> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      const id = this.#questions++
      const timer = setTimeout(() => reject(new Error(`${this.name} does not answer '${question}'`)), SILENCE)
      this.#waiting.set(id, {
        resolve (answer) {
          clearTimeout(timer)
          resolve(answer)
        },
        reject (error) {
          clearTimeout(timer)
          reject(error)
        }
      })
      this.#process.send({ id, question, argument }, error => { if (error !== null) reject(error) })
    })
  }

  /** After this nothing of ours keeps it alive. */
  disconnect (): void {
    this.#process.disconnect()
  }

  kill (signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }
}

/** The other side: answers the questions of the process that has started this one. */
export function answer<Q extends Questions<Q>> (questions: Q): void {
  process.on('message', async ({ id, question, argument }: any) => {
    try {
      process.send!({ id, answer: await questions[question as keyof Q](argument) })
    } catch (error) {
      process.send!({ id, error: (error as Error).stack })
    }
  })
}
