import { connect, type Socket } from 'node:net'
import { frameExtent, masked } from '../support/frames.ts'
import { CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import { handshake } from '../support/raw-client.ts'

/** Whom a wire tells what comes. */
export interface WireOwner {
  onText (text: string): void
  /** @param code of the close frame; 0: there was none, and the status of the handshake if it was refused */
  onEnd (code: number): void
}

/** A WebSocket of a client in as little code as thousands of them need: text in short frames, and one way to end. */
export class Wire {
  readonly #socket: Socket
  readonly #owner: WireOwner
  #rest: Buffer<ArrayBufferLike> = Buffer.alloc(0)
  #isOpen = false
  #code = 0

  constructor (port: number, path: string, owner: WireOwner) {
    this.#owner = owner
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', bytes => { this.#read(bytes) })
    this.#socket.on('error', () => {})
    this.#socket.once('close', () => { owner.onEnd(this.#code) })
    this.#socket.write(handshake(path))
  }

  send (text: string): void {
    this.#socket.write(masked(TEXT, text))
  }

  /** Nobody is told, as when a network goes. */
  cut (): void {
    this.#socket.resetAndDestroy()
  }

  pause (): void {
    this.#socket.pause()
  }

  resume (): void {
    this.#socket.resume()
  }

  #read (bytes: Buffer): void {
    let all: Buffer = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    if (!this.#isOpen) {
      const end = all.indexOf('\r\n\r\n')
      if (end === -1) {
        this.#rest = all
        return
      }
      const status = Number(all.toString('latin1', 9, 12))
      if (status !== 101) {
        this.#code = status
        this.#socket.destroy()
        return
      }
      this.#isOpen = true
      all = all.subarray(end + 4)
    }
    let read = 0
    for (let extent = frameExtent(all); extent !== null && read + extent.end <= all.length; extent = frameExtent(all.subarray(read))) {
      this.#onFrame(all[read]! & 15, all.subarray(read + extent.start, read + extent.end))
      read += extent.end
    }
    this.#rest = all.subarray(read)
  }

  #onFrame (opcode: number, payload: Buffer): void {
    if (opcode === TEXT) this.#owner.onText(payload.toString())
    else if (opcode === PING) this.#socket.write(masked(PONG, payload))
    else if (opcode === CLOSE) {
      this.#code = payload.length < 2 ? 1005 : payload.readUInt16BE(0)
      this.#socket.end(masked(CLOSE, payload))
    }
  }
}
