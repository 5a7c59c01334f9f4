import { Duplex } from 'node:stream'

/** One end of a connection in memory. It writes no faster than the other end reads. */
export class DuplexEnd extends Duplex {
  /** The address that `request.ip` finds on such a connection. */
  readonly remoteAddress = '127.0.0.1'
  /** Called when a route has opened a WebSocket on this connection. */
  onOpen: ((speech: any) => void) | null = null
  other: DuplexEnd = this
  #written: (() => void) | null = null

  override _read (): void {
    this.other.#released()
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    // Not within this call, which may itself be a reaction to what the other end has written.
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
    // Like a reset: what the other end has not read yet is lost.
    if (!other.destroyed && !this.writableFinished) process.nextTick(() => other.destroy())
    callback(error)
  }

  #released (): void {
    const written = this.#written
    this.#written = null
    if (written !== null) written()
  }
}

/** Makes two streams, each of which reads what the other writes. */
export function duplexPair (): [DuplexEnd, DuplexEnd] {
  const options = { allowHalfOpen: true }
  const pair: [DuplexEnd, DuplexEnd] = [new DuplexEnd(options), new DuplexEnd(options)]
  pair[0].other = pair[1]
  pair[1].other = pair[0]
  return pair
}
