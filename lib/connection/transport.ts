import { constants, type Http2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { readShared } from './shared-read.ts'

/** Learns by direct calls what happens on a transport. */
export interface TransportOwner {
  /** The bytes up to `length` are lent for the call, and may be changed. */
  transportRead (bytes: Buffer, length: number): void
  /** The peer has ended its side; what we write may still arrive. */
  transportEnded (): void
  transportFailed (error: Error): void
  /** Called once, last. */
  transportClosed (): void
}

const kOwner = Symbol('fastify-sockets.owner')
type Owned = Duplex & { [kOwner]?: TransportOwner }

/**
 * Tells this owner what happens on a Duplex from now on, instead of the previous owner. Nothing is read until the Duplex
 * is resumed. All transports have the same listeners, without a closure for each.
 */
export function ownTransport (duplex: Duplex, owner: TransportOwner): void {
  const owned = duplex as Owned
  const isFirst = owned[kOwner] === undefined
  owned[kOwner] = owner
  if (!isFirst) return
  // Events that came before anyone listened.
  if (duplex.readableEnded) process.nextTick(() => onEnd.call(owned))
  if (duplex.closed) process.nextTick(() => onClose.call(owned))
  // A socket of HTTPS ends as soon as the peer's side does, but we may still have to answer what we have read.
  duplex.allowHalfOpen = true
  duplex.on('end', onEnd)
  duplex.on('error', onError)
  duplex.on('close', onClose)
  if (isStream(duplex)) duplex.on('aborted', onAborted)
  if (readShared(duplex, onRead)) return
  duplex.pause()
  duplex.on('data', onData)
}

/** Ends our side. */
export function endTransport (duplex: Duplex): void {
  duplex.end()
  if (isStream(duplex) && !duplex.readableEnded) duplex.once('finish', onFinish)
}

/** Cuts a transport. For a stream of HTTP/2, RST_STREAM with CANCEL is what a reset is in TCP (RFC 8441 §5). */
export function cutTransport (duplex: Duplex): void {
  if (isStream(duplex)) duplex.close(constants.NGHTTP2_CANCEL)
  duplex.destroy()
}

/** Cuts a transport whose end we have begun, once everything has been written. */
export function cutWhenEnded (duplex: Duplex): void {
  if (duplex.writableFinished) cutSoon.call(duplex)
  else duplex.once('finish', cutSoon)
}

/** Waits for the next turn: a stream of HTTP/2 might be reset before the last write has left. */
function cutSoon (this: Duplex): void {
  setImmediate(cutTransport, this)
}

function isStream (duplex: Duplex): duplex is Http2Stream {
  return 'rstCode' in duplex
}

function onRead (this: Owned, length: number, buffer: Buffer): boolean {
  // When told to stop, TLS still hands on what it has decrypted. That waits in the stream's own buffer.
  if (this.isPaused() || this.readableLength > 0) {
    if (this.listenerCount('data') === 0) this.on('data', onData)
    // False when enough waits. Reading must then stop, since `push` may have started it again.
    return this.push(Buffer.from(buffer.subarray(0, length)))
  }
  this[kOwner]!.transportRead(buffer, length)
  return true
}

function onData (this: Owned, chunk: Buffer): void {
  this[kOwner]!.transportRead(chunk, chunk.length)
}

function onEnd (this: Owned): void {
  this[kOwner]!.transportEnded()
}

function onError (this: Owned, error: Error): void {
  this[kOwner]!.transportFailed(error)
  // A stream of HTTP/2 does not destroy itself.
  this.destroy()
}

/** Closes the stream: its client need not end its side after ours (RFC 9113 §8.1), and Firefox does not. */
function onFinish (this: Http2Stream): void {
  // In the next turn: Node might otherwise reset the stream instead of ending it.
  setImmediate(() => this.close(constants.NGHTTP2_NO_ERROR))
}

/** A stream reset with NO_ERROR would wait until all it holds is read, and for a write that can never finish. */
function onAborted (this: Owned): void {
  // Node is still handling the reset.
  process.nextTick(() => this.destroy())
}

function onClose (this: Owned): void {
  this[kOwner]!.transportClosed()
}
