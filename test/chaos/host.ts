/* The server's process as its tester has it: watched, and replaced when it has gone wrong. */
import { setTimeout as wait } from 'node:timers/promises'
import { Child } from '../soak/ipc.ts'
import type { ServerQuestions } from './server.ts'
import { stackOf } from './stack.ts'
import { type Delay, IN_TIME, Watch } from './watch.ts'

/** How long an inspector may take, in milliseconds. */
const INSPECTION = 1500
/** After which a process is given up that has not been found to hang. */
const PATIENCE = 40_000
/** How many functions of a stack are shown. */
const DEPTH = 18

/** What a host tells of a server that goes wrong. */
export type OnFault = (kind: string, detail: string) => void

export class Host {
  /** Whether something has happened after which it is not to be used. */
  isSpoilt = false
  onFault: OnFault = () => {}
  readonly #child: Child<ServerQuestions>
  #errorOutput = ''
  #watch: Watch | null = null
  #isOver = false

  private constructor () {
    const flags = ['--expose-gc', '--inspect-port=0']
    this.#child = new Child<ServerQuestions>('../chaos/server', 'the server', flags, [], text => this.#heard(text))
    void this.#child.exit.then(how => { this.#exited(how) })
  }

  /** @param control where the process answers that has nothing to do */
  static async start (control: number): Promise<Host> {
    const host = new Host()
    const port = await host.#child.ask('alive')
    host.#watch = new Watch(host.#child.pid, port, control, delay => { void host.#late(delay) }, () => { void host.#hangs() })
    await host.#watch.begun
    return host
  }

  /** @param patience how long the answer may take, in milliseconds */
  async ask<K extends keyof ServerQuestions> (
    question: K, argument?: Parameters<ServerQuestions[K]>[0], patience = PATIENCE
  ): Promise<Awaited<ReturnType<ServerQuestions[K]>>> {
    const late = new AbortController()
    try {
      return await Promise.race([
        this.#child.ask(question, argument as never),
        wait(patience, null, { signal: late.signal, ref: false }).then(() => {
          throw new Error(`'${question}' has no answer after ${patience} ms`)
        })
      ]) as Awaited<ReturnType<ServerQuestions[K]>>
    } finally {
      late.abort()
    }
  }

  /** The longest that `/alive` took since this was asked last, in milliseconds. */
  takeLongest (): number {
    return this.#watch?.takeLongest() ?? 0
  }

  get isOver (): boolean {
    return this.#isOver
  }

  async end (): Promise<void> {
    const wasOver = this.#isOver
    this.#isOver = true
    this.#watch?.stop()
    if (!wasOver) this.#child.kill('SIGKILL')
    await this.#child.exit
  }

  #heard (text: string): void {
    this.#errorOutput += text
    // Of the inspector, which was asked for.
    const others = text.split('\n').filter(line => !/^(Debugger|For help, see: https:\/\/nodejs|$)/.test(line))
    if (/Warning/.test(text) && others.length > 0) this.#fault(`a warning: ${others[0]!.replace(/\d+/g, 'N')}`, text)
  }

  #exited (how: number | string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#watch?.stop()
    const lines = this.#errorOutput.split('\n')
    const error = lines.find(line => /^\w*Error\b|FATAL|^\S*: /.test(line)) ?? ''
    this.#fault(`the process ended with ${how}: ${error}`, lines.slice(0, 24).join('\n').slice(0, 2500))
  }

  async #late ({ waited, excused }: Delay): Promise<void> {
    const stack = await this.#stack()
    // What is inmost is somewhere else the next time.
    const where = stack.findLast(line => line.includes('dist/lib/')) ?? stack.at(-1) ?? 'nowhere in JavaScript'
    this.#fault(`/alive takes longer than ${IN_TIME} ms, in ${where.replace(/:\d+$/, '')}`,
      `${Math.round(waited)} ms so far, ${Math.round(excused)} of them the machine's\n${shown(stack)}`)
  }

  async #hangs (): Promise<void> {
    const stack = await this.#stack()
    const where = stack.filter(line => line.includes('dist/lib/')).map(line => line.replace(/ .*/, '')).slice(0, 3)
    this.#fault(`the process hangs, in ${where.join(', called by ')}`, shown(stack))
    await this.end()
  }

  async #stack (): Promise<string[]> {
    if (this.#isOver) return []
    this.#child.kill('SIGUSR1')
    const end = performance.now() + INSPECTION
    let url
    while ((url = /ws:\/\/\S+/.exec(this.#errorOutput)?.[0]) === undefined && performance.now() < end) await wait(20)
    return url === undefined ? [] : await stackOf(url, INSPECTION)
  }

  #fault (kind: string, detail: string): void {
    this.isSpoilt = true
    this.onFault(kind, detail)
  }
}

function shown (stack: string[]): string {
  return stack.slice(0, DEPTH).join('\n')
}
