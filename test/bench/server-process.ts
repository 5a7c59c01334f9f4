import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

export interface ServerSpec {
  name: string
  /** Name of a file in `servers`. */
  script: string
  /** What the server makes of it is up to its script. */
  options: object
}

export interface CpuTime {
  seconds: number
  at: number
}

/** A server under test, in a process of its own. */
export class ServerProcess {
  readonly spec: ServerSpec
  readonly port: number
  readonly #child: ChildProcess

  private constructor (spec: ServerSpec, port: number, child: ChildProcess) {
    this.spec = spec
    this.port = port
    this.#child = child
  }

  static async start (spec: ServerSpec): Promise<ServerProcess> {
    const script = new URL(`servers/${spec.script}.js`, import.meta.url)
    const child = fork(script, [JSON.stringify(spec.options)], { execArgv: [] })
    const [port] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the server ${spec.name} ended with ${code} before it listened`)
      })
    ])
    return new ServerProcess(spec, port, child)
  }

  get name (): string {
    return this.spec.name
  }

  /** CPU time used so far, and when that was, by the server's clock: it may be too busy to answer at once. */
  async cpu (): Promise<CpuTime> {
    this.#child.send('cpu')
    const [{ user, system, at }] = await once(this.#child, 'message')
    return { seconds: (user + system) / 1e6, at: at / 1000 }
  }

  async stop (): Promise<void> {
    const exit = once(this.#child, 'exit')
    this.#child.disconnect()
    await exit
  }
}
