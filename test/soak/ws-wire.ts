import { connect, type Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { Target, Wire, WireOwner } from './wire.ts'

/** The client of the `ws` package. */
export class WsWire implements Wire {
  readonly #client: WebSocket
  #socket!: Socket
  #error: Error | null = null
  /** Messages that `ws` has not written yet: it compresses in the thread pool. */
  #unwritten = 0
  #leaving = false

  constructor ({ host, port }: Target, path: string, deflate: boolean, owner: WireOwner) {
    this.#client = new WebSocket(`ws://${host}:${port}${path}`, {
      perMessageDeflate: deflate ? { threshold: 0 } : false,
      createConnection: () => this.#socket = connect({ host, port, noDelay: true })
    })
    this.#client.on('open', () => owner.onOpen())
    this.#client.on('message', (data: Buffer, isBinary) => owner.onMessage(isBinary ? data : data.toString()))
    this.#client.on('unexpected-response', (_request, response) => {
      owner.onRefused(response.statusCode!)
      this.#client.terminate()
    })
    this.#client.on('error', error => { this.#error = error })
    this.#client.on('close', code => owner.onEnd(code, this.#error))
  }

  get isOpen (): boolean {
    return this.#client.readyState === WebSocket.OPEN
  }

  send (message: string | Buffer): void {
    this.#unwritten++
    this.#client.send(message, () => {
      this.#unwritten--
      if (this.#leaving) this.#finOnceWritten()
    })
  }

  close (): void {
    this.#client.close(1000)
  }

  fin (): void {
    this.#leaving = true
    this.#finOnceWritten()
  }

  reset (): void {
    this.#socket.resetAndDestroy()
  }

  deafen (): void {
    this.#client.pause()
  }

  listen (): void {
    this.#client.resume()
  }

  #finOnceWritten (): void {
    if (this.#unwritten === 0) this.#socket.end()
  }
}
