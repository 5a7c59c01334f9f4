import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A way to a server that can fall silent: nothing passes, and nobody is told. So a network looks that is gone. */
export class SilentRelay {
  /** How many connections there have been. */
  connections = 0
  /** Bytes that have come from the clients, whether they were passed on or not. */
  sent = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Connections up to this one are silent for good: what a network has lost does not come back. */
  #silentUpTo = 0
  #takesNone = false

  private constructor (port: () => number) {
    this.#server = createServer({ allowHalfOpen: true }, client => {
      this.#sockets.add(client)
      client.on('error', () => {})
      const number = ++this.connections
      const isSilent = (): boolean => this.#takesNone || number <= this.#silentUpTo
      const server = connect({ port: port(), host: '127.0.0.1', allowHalfOpen: true })
      this.#sockets.add(server)
      server.on('error', () => client.destroy())
      client.setNoDelay(true).on('data', bytes => {
        this.sent += bytes.length
        if (!isSilent()) server.write(bytes)
      })
      server.setNoDelay(true).on('data', bytes => { if (!isSilent()) client.write(bytes) })
      client.on('end', () => { if (!isSilent()) server.end() })
      server.on('end', () => { if (!isSilent()) client.end() })
      client.on('close', () => this.#sockets.delete(client))
      server.on('close', () => this.#sockets.delete(server))
    })
  }

  /** @param port of the server, asked for each connection */
  static async to (port: () => number): Promise<SilentRelay> {
    const relay = new SilentRelay(port)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  get port (): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The connections that there are fall silent; new ones pass. */
  silence (): void {
    this.#silentUpTo = this.connections
  }

  /** All are silent, new ones too, until `mend`. */
  cut (): void {
    this.silence()
    this.#takesNone = true
  }

  mend (): void {
    this.silence()
    this.#takesNone = false
  }

  /** Resets what there is. */
  reset (): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close (): Promise<void> {
    this.reset()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }
}
