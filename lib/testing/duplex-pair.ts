import { Duplex } from 'node:stream'

/** Beside its bytes, a connection in memory can tell the client which route has accepted it, and when it has opened. */
export interface InMemory {
  route: unknown
  onOpen: () => void
}

/** One end of a connection in memory. The other end's reading paces its writing. */
class DuplexEnd extends Duplex implements InMemory {
  /** What `request.ip` finds on such a connection. */
  readonly remoteAddress = '127.0.0.1'
  route: unknown = null
  onOpen!: () => void
  other!: DuplexEnd
  #written: (() => void) | null = null

  override _read (): void {
    this.other.#released()
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    if (this.other.push(chunk)) process.nextTick(callback)
    else this.#written = callback
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
