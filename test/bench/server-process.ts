import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { selfSigned } from '../support/certificate.ts'
import { kindOf, type Load } from './load.ts'
import { withTls } from './loads/kind.ts'
import { bunPath } from './peers.ts'
import type { ServerSpec } from './specs.ts'

export interface CpuTime {
  seconds: number
  at: number
}

export interface Memory {
  rss: number
  heapUsed: number
}

/** A server under test, in a process of its own. */
export class ServerProcess {
  readonly spec: ServerSpec
  readonly port: number
  readonly #child: ChildProcess
  /** Rejects when the process ends before it is told to. */
  readonly #gone: Promise<never>
  /** Done when the last question has been answered. */
  #asking: Promise<unknown> = Promise.resolve()

  private constructor (spec: ServerSpec, port: number, child: ChildProcess, gone: Promise<never>) {
    this.spec = spec
    this.port = port
    this.#child = child
    this.#gone = gone
  }

  static async start (spec: ServerSpec, load: Load): Promise<ServerProcess> {
    const script = new URL(`servers/${spec.script}.js`, import.meta.url)
    const bun = spec.runtime === 'bun'
    const { options, strings, subscribed, streams } = spec
    const https = withTls(load) ? await selfSigned() : undefined
    const told = { role: kindOf(load).role(load), load, options, strings, subscribed, http2: streams !== undefined, https }
    const child = fork(script, [JSON.stringify(told)], {
      env: { ...process.env, ...spec.env },
      // Only where it is needed, though it should make no difference.
      execArgv: kindOf(load).isFresh === true && !bun ? ['--expose-gc'] : [],
      ...bun ? { execPath: bunPath() } : {}
    })
    const gone = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`the server ${spec.name} ended with ${code ?? signal}`)
    })
    gone.catch(() => {})
    const [port] = await Promise.race([once(child, 'message'), gone])
    return new ServerProcess(spec, port, child, gone)
  }

  get name (): string {
    return this.spec.name
  }

  /** CPU time used so far, and when that was, by the server's clock: it may be too busy to answer at once. */
  async cpu (): Promise<CpuTime> {
    const { user, system, at } = await this.#ask('cpu')
    return { seconds: (user + system) / 1e6, at: at / 1000 }
  }

  /** After a forced collection. */
  async memory (): Promise<Memory> {
    return await this.#ask('memory')
  }

  /** The longest time that its event loop was busy since this was last asked, in microseconds. It observes from the first time on. */
  async longest (): Promise<number> {
    return await this.#ask('longest')
  }

  async stop (): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.disconnect()
    await exit
  }

  /** One question after the other: answers do not tell what they answer. */
  async #ask (question: string): Promise<any> {
    const asking = this.#asking.then(async () => {
      this.#child.send(question)
      const [answer] = await Promise.race([once(this.#child, 'message'), this.#gone])
      return answer
    })
    this.#asking = asking.catch(() => {})
    return await asking
  }
}
