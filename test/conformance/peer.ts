import type { Duplex } from 'node:stream'
import { frameExtent, readFrame, type WireFrame } from '../support/frames.ts'
import { turn } from '../support/until.ts'

/** The other end of the connection: writes the bytes it is told to and collects the frames that come back. */
export class Peer {
  readonly frames: WireFrame[] = []
  ended = false
  error: NodeJS.ErrnoException | null = null
  /** `Sec-WebSocket-Extensions` of the response. */
  extensions = ''
  /** Called whenever one end has read what the other wrote. */
  onProgress = (): void => {}
  readonly #socket: Duplex
  readonly #bytesRead: () => number
  readonly #readBefore: number
  #sent = 0
  #chunks: Buffer[] = []
  #size = 0
  #needed = 2
  #wake = (): void => {}

  /** @param bytesRead tells how much the endpoint has read */
  constructor (socket: Duplex, bytesRead: () => number, head: Buffer = Buffer.alloc(0)) {
    this.#socket = socket
    this.#bytesRead = bytesRead
    this.#readBefore = bytesRead()
    socket.on('data', chunk => this.#read(chunk))
    socket.on('error', error => { this.error = error })
    for (const event of ['end', 'error', 'close']) {
      socket.on(event, () => {
        this.ended = true
        this.#wake()
      })
    }
    this.#read(head)
  }

  /** Bytes behind the last whole frame. */
  get rest (): number {
    return this.#size
  }

  write (bytes: Buffer): void {
    this.#sent += bytes.length
    if (!this.ended) this.#socket.write(bytes)
  }

  /** Ends this side. */
  end (): void {
    this.#socket.end()
  }

  destroy (): void {
    this.#socket.destroy()
  }

  /** Waits until the endpoint has read everything written so far, or has ended the connection. */
  async arrived (): Promise<void> {
    while (!this.ended && this.#bytesRead() - this.#readBefore < this.#sent) await turn()
    this.onProgress()
  }

  /** Waits for it, or for the end of the connection. */
  async until (isTrue: () => boolean): Promise<void> {
    while (!this.ended && !isTrue()) await new Promise<void>(resolve => { this.#wake = resolve })
  }

  #read (chunk: Buffer): void {
    this.onProgress()
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#size < this.#needed) return
    let bytes = Buffer.concat(this.#chunks)
    for (let read = readFrame(bytes); read !== null; read = readFrame(bytes)) {
      this.frames.push(read)
      bytes = bytes.subarray(read.size)
    }
    this.#chunks = [bytes]
    this.#size = bytes.length
    this.#needed = frameExtent(bytes)?.end ?? bytes.length + 1
    this.#wake()
  }
}
