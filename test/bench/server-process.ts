import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** A server under test, in a process of its own. */
export class ServerProcess {
  readonly name: string
  readonly port: number
  readonly #child: ChildProcess

  private constructor (name: string, port: number, child: ChildProcess) {
    this.name = name
    this.port = port
    this.#child = child
  }

  /** @param name of a file in `servers` */
  static async start (name: string): Promise<ServerProcess> {
    const child = fork(new URL(`servers/${name}.js`, import.meta.url), { execArgv: [] })
    const [port] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the server ${name} ended with ${code} before it listened`)
      })
    ])
    return new ServerProcess(name, port, child)
  }

  /** CPU time used so far, in seconds. */
  async cpuSeconds (): Promise<number> {
    this.#child.send('cpu')
    const [{ user, system }] = await once(this.#child, 'message')
    return (user + system) / 1e6
  }

  async stop (): Promise<void> {
    const exit = once(this.#child, 'exit')
    this.#child.disconnect()
    await exit
  }
}
