import { Duplex } from 'node:stream'

/** One end of a connection in memory. The other end's reading paces its writing. */
export class DuplexEnd extends Duplex {
  /** What `request.ip` finds on such a connection. */
  readonly remoteAddress = '127.0.0.1'
  /** A route has opened a WebSocket on it. */
  onOpen: ((speech: any) => void) | null = null
  other: DuplexEnd = this
  #written: (() => void) | null = null

  override _read (): void {
    this.other.#released()
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    // Not from inside of the call, which may itself come from what the other end has written.
    process.nextTick(() => {
      if (this.other.push(chunk)) callback()
      else this.#written = callback
    })
  }

  override _final (callback: () => void): void {
    this.other.push(null)
    callback()
  }

  override _destroy (error: Error | null, callback: (error: Error | null) => void): void {
    const { other } = this
    // As a reset does: what the other end has not read yet is lost.
    if (!other.destroyed && !this.writableFinished) process.nextTick(() => other.destroy())
    callback(error)
  }

  #released (): void {
    const written = this.#written
    this.#written = null
    if (written !== null) written()
  }
}

/** Two streams, each of which reads what the other writes. */
export function duplexPair (): [DuplexEnd, DuplexEnd] {
  const options = { allowHalfOpen: true }
  const pair: [DuplexEnd, DuplexEnd] = [new DuplexEnd(options), new DuplexEnd(options)]
  pair[0].other = pair[1]
  pair[1].other = pair[0]
  return pair
}
