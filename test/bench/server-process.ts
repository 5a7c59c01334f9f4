import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { selfSigned } from '../support/certificate.ts'
import { kindOf, type Load } from './load.ts'
import { withTls } from './loads/kind.ts'
import type { CpuTime } from './measurement.ts'
import { bunPath } from './peers.ts'
import { RedisServer } from './redis-server.ts'
import type { ServerSpec } from './specs.ts'

/** What a server has beside it that is one of two. */
interface Company {
  other: ServerProcess
  engine: RedisServer
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
  #company: Company | null = null
  /** Done when the last question has been answered. */
  #asking: Promise<unknown> = Promise.resolve()

  private constructor (spec: ServerSpec, port: number, child: ChildProcess, gone: Promise<never>) {
    this.spec = spec
    this.port = port
    this.#child = child
    this.#gone = gone
  }

  /** With another one and a Redis, if it is one of two. */
  static async start (spec: ServerSpec, load: Load): Promise<ServerProcess> {
    if (spec.engine === undefined) return await ServerProcess.#start(spec, load)
    const engine = await RedisServer.start()
    const starting = await Promise.allSettled([0, 1].map(() => ServerProcess.#start(spec, load, engine.port)))
    const [server, other] = starting.map(start => start.status === 'fulfilled' ? start.value : null)
    if (server && other) {
      server.#company = { other, engine }
      return server
    }
    await Promise.all([server?.stop(), other?.stop(), engine.stop()])
    throw starting.find(start => start.status === 'rejected')!.reason
  }

  static async #start (spec: ServerSpec, load: Load, enginePort?: number): Promise<ServerProcess> {
    const script = new URL(`servers/${spec.script}.js`, import.meta.url)
    const bun = spec.runtime === 'bun'
    const { options, strings, subscribed, streams } = spec
    const https = withTls(load) ? await selfSigned() : undefined
    const engine = enginePort === undefined ? undefined : { host: '127.0.0.1', port: enginePort }
    const told = { role: kindOf(load).role(load), load, options, strings, subscribed, http2: streams !== undefined, https, engine }
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

  /** What it is not alone with. */
  get company (): Company {
    if (this.#company === null) throw new Error(`${this.name} is alone`)
    return this.#company
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

  /** Bytes that it has got from its engine so far. */
  async fromEngine (): Promise<number> {
    return await this.#ask('fromEngine')
  }

  /** The port that is to be told, by a byte, how many messages it is to publish. */
  async publisher (): Promise<number> {
    return await this.#ask('publisher')
  }

  async stop (): Promise<void> {
    await Promise.all([this.#company?.other.stop(), this.#stop()])
    await this.#company?.engine.stop()
  }

  async #stop (): Promise<void> {
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
