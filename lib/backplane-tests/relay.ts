import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/**
 * A way to a TCP server that a test can cut: drivers connect to its `port` on 127.0.0.1 in place of the server's. One for each
 * process makes the option `link`:
 *
 * ```ts
 * async connect (store) {
 *   const relay = await Relay.to({ port: 5432 })
 *   return { relay, driver: postgres({ host: '127.0.0.1', port: relay.port }).create() }
 * },
 * disconnect: ({ relay }) => relay.close(),
 * link: { cut: ({ relay }) => relay.cut(), mend: ({ relay }) => relay.mend() }
 * ```
 */
export class Relay {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #isCut = false

  private constructor (port: number, host: string) {
    this.#server = createServer({ allowHalfOpen: true }, client => {
      if (this.#isCut) {
        client.resetAndDestroy()
        return
      }
      const server = connect({ port, host, allowHalfOpen: true })
      this.#join(client, server)
      this.#join(server, client)
    })
  }

  /** @param to the server; by default on 127.0.0.1 */
  static async to ({ port, host = '127.0.0.1' }: { port: number, host?: string }): Promise<Relay> {
    const relay = new Relay(port, host)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  /** Where it listens. */
  get port (): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Resets all connections, and new ones, until `mend`. */
  cut (): void {
    this.#isCut = true
    for (const socket of this.#sockets) reset(socket)
  }

  mend (): void {
    this.#isCut = false
  }

  /** For good. */
  async close (): Promise<void> {
    this.cut()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join (from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.setNoDelay(true).pipe(to)
    from.on('error', () => {}).on('close', () => {
      this.#sockets.delete(from)
      // Otherwise both ends have said all that they had to say, and what is on its way still arrives.
      if (!from.readableEnded) reset(to)
    })
  }
}

/** A socket that is reset while its end is on the way stays for ever in Node, and the process with it. */
function reset (socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}
