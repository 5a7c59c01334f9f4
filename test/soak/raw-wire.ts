import { connect, type Socket } from 'node:net'
import { compressed, OFFER, original } from '../support/deflate.ts'
import { masked, readFrame, type WireFrame } from '../support/frames.ts'
import { BINARY, CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import { handshake } from '../support/raw-client.ts'
import type { Target, Wire, WireOwner } from './wire.ts'

const NORMAL = Buffer.from([1000 >> 8, 1000 & 0xff])
const ABNORMAL = 1006

/** A client of a few lines on a TCP socket. It compresses each message by itself. */
export class RawWire implements Wire {
  isOpen = false
  readonly #socket: Socket
  readonly #owner: WireOwner
  readonly #deflate: boolean
  #received: Buffer = Buffer.alloc(0)
  #greeted = false
  #closeSent = false
  #closeCode = ABNORMAL
  #error: Error | null = null

  constructor ({ host, port }: Target, path: string, deflate: boolean, owner: WireOwner) {
    this.#owner = owner
    this.#deflate = deflate
    this.#socket = connect({ host, port, noDelay: true })
    this.#socket.on('data', chunk => { this.#read(chunk) })
    this.#socket.on('error', error => { this.#error = error })
    this.#socket.on('close', () => {
      this.isOpen = false
      owner.onEnd(this.#closeCode, this.#error)
    })
    this.#socket.write(handshake(path, deflate ? OFFER : {}))
  }

  send (message: string | Buffer): void {
    const opcode = typeof message === 'string' ? TEXT : BINARY
    this.#socket.write(this.#deflate ? compressed(opcode, message) : masked(opcode, message))
  }

  close (): void {
    this.#sendClose(NORMAL)
  }

  fin (): void {
    this.isOpen = false
    this.#socket.end()
  }

  reset (): void {
    this.isOpen = false
    this.#socket.resetAndDestroy()
  }

  deafen (): void {
    this.#socket.pause()
  }

  listen (): void {
    this.#socket.resume()
  }

  #sendClose (payload: Buffer): void {
    this.isOpen = false
    if (this.#closeSent) return
    this.#closeSent = true
    this.#socket.write(masked(CLOSE, payload))
  }

  #read (chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    if (!this.#greeted && !this.#greet()) return
    for (let frame = readFrame(this.#received); frame !== null; frame = readFrame(this.#received)) {
      this.#received = this.#received.subarray(frame.size)
      this.#take(frame)
    }
  }

  /** Whether the server has let us in. */
  #greet (): boolean {
    const end = this.#received.indexOf('\r\n\r\n')
    if (end === -1) return false
    const status = Number(this.#received.toString('latin1', 9, 12))
    if (status === 101) {
      this.#received = this.#received.subarray(end + 4)
      this.#greeted = true
      this.isOpen = true
      this.#owner.onOpen()
      return true
    }
    this.#socket.removeAllListeners('data')
    this.#owner.onRefused(status)
    this.#socket.resume().end()
    return false
  }

  #take (frame: WireFrame): void {
    if (frame.opcode === PING) {
      if (this.isOpen) this.#socket.write(masked(PONG, frame.payload))
    } else if (frame.opcode === CLOSE) {
      this.#closeCode = frame.payload.length === 0 ? 1005 : frame.payload.readUInt16BE()
      this.#sendClose(frame.payload.subarray(0, 2))
    } else {
      const message = original(frame)
      this.#owner.onMessage(frame.opcode === TEXT ? message.toString() : message)
    }
  }
}
