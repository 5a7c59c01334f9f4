import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A way to a server that can be cut: connections are reset, and new ones too, until it is mended. */
export class Cuttable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #isCut = false

  static async to (port: number): Promise<Cuttable> {
    const way = new Cuttable(port)
    await once(way.#server, 'listening')
    return way
  }

  constructor (port: number) {
    this.#server = createServer(client => {
      if (this.#isCut) {
        client.resetAndDestroy()
        return
      }
      const server = connect(port, '127.0.0.1')
      this.#join(client, server)
      this.#join(server, client)
    }).listen(0, '127.0.0.1')
  }

  get url (): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`
  }

  /** Once. New connections get through, unless `cut` is called. */
  drop (): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  cut (): void {
    this.#isCut = true
    this.drop()
  }

  mend (): void {
    this.#isCut = false
  }

  end (): void {
    this.cut()
    this.#server.close()
  }

  #join (from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.setNoDelay(true).pipe(to)
    from.on('error', () => {}).on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
