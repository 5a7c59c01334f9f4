import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** What a scenario plays on: whatever it begins is ended with it, the last first. */
export class Stage {
  /** What was found out, for the line that is printed. */
  readonly figures: string[] = []
  readonly #endings: Array<() => unknown> = []

  /** Called when the scenario is over, however it went. */
  defer (end: () => unknown): void {
    this.#endings.push(end)
  }

  say (figure: string): void {
    this.figures.push(figure)
  }

  async end (): Promise<void> {
    for (const end of this.#endings.splice(0).toReversed()) await end()
  }

  /** A server of plain TCP on 127.0.0.1. @returns its port */
  async listen (onConnection: (socket: Socket) => void, port = 0): Promise<number> {
    const server = createServer(socket => {
      socket.on('error', () => {})
      this.defer(() => socket.destroy())
      onConnection(socket)
    })
    return await this.serve(server, port)
  }

  async serve (server: Server, port = 0): Promise<number> {
    this.defer(() => new Promise(resolve => { server.close(resolve) }))
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
}

/** Something that can go wrong between a client and a server. Each runs in a process of its own. */
export interface Scenario {
  readonly name: string
  /** Flags of Node that it needs. */
  readonly flags?: readonly string[]
  /** @throws what does not hold */
  run (stage: Stage): Promise<void>
}
