import { EventEmitter } from 'node:events'

/** What a client does when it is told to connect: what it returns is awaited. */
export type Connect = (client: FakeClient) => unknown

/** A client of any of the libraries, and the one that it duplicates: it says of itself what a test wants. */
export class FakeClient extends EventEmitter {
  isReady = true
  /** How often it was disconnected or destroyed. */
  ended = 0
  /** What it answers to a command. */
  answer: (command: ReadonlyArray<string | Buffer>) => unknown = () => 'PONG'
  /** What happens when it is destroyed. */
  onDestroy = (): void => {}
  readonly #connect: Connect

  constructor (connect: Connect = () => {}) {
    super()
    this.#connect = connect
  }

  duplicate (): this {
    return this
  }

  async connect (): Promise<void> {
    await this.#connect(this)
  }

  disconnect (): void {
    this.ended++
  }

  destroy (): void {
    this.ended++
    this.onDestroy()
  }

  async callBuffer (...command: Array<string | Buffer>): Promise<unknown> {
    return this.answer(command)
  }

  async sendCommand (command: Array<string | Buffer>): Promise<unknown> {
    return this.answer(command)
  }
}

/** A cluster of a library, with its masters. */
export class FakeCluster extends FakeClient {
  readonly _options = {}
  readonly masters: Array<{ client: FakeClient }>

  constructor (clients: FakeClient[], connect?: Connect) {
    super(connect)
    this.masters = clients.map(client => ({ client }))
  }

  nodes (): FakeClient[] {
    return this.masters.map(({ client }) => client)
  }

  async nodeClient ({ client }: { client: FakeClient }): Promise<FakeClient> {
    await client.connect()
    return client
  }
}
