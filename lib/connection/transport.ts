import { constants, type Http2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { readShared } from './shared-read.ts'

/** What happens on a transport, told by direct calls. */
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
 * Tells the owner of everything that happens on a Duplex from now on, in place of the one before. The first to own it
 * has it read once it is resumed. The listeners are the same for all transports: none holds a closure.
 */
export function ownTransport (duplex: Duplex, owner: TransportOwner): void {
  const owned = duplex as Owned
  const isFirst = owned[kOwner] === undefined
  owned[kOwner] = owner
  if (!isFirst) return
  // Before there was somebody to hear of it.
  if (duplex.readableEnded) process.nextTick(() => onEnd.call(owned))
  if (duplex.closed) process.nextTick(() => onClose.call(owned))
  // HTTPS has its sockets end with the peer's side; what we have read already may take its time, and be answered.
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

/** Cuts a transport. What is a reset in TCP is RST_STREAM with CANCEL for a stream of HTTP/2 (RFC 8441 §5). */
export function cutTransport (duplex: Duplex): void {
  if (isStream(duplex)) duplex.close(constants.NGHTTP2_CANCEL)
  duplex.destroy()
}

/** Cuts a transport that we end as soon as everything has been written. */
export function cutWhenEnded (duplex: Duplex): void {
  if (duplex.writableFinished) cutSoon.call(duplex)
  else duplex.once('finish', cutSoon)
}

/** A stream of HTTP/2 might be reset in place of what was written last. */
function cutSoon (this: Duplex): void {
  setImmediate(cutTransport, this)
}

function isStream (duplex: Duplex): duplex is Http2Stream {
  return 'rstCode' in duplex
}

function onRead (this: Owned, length: number, buffer: Buffer): boolean {
  // TLS still hands on what it has decrypted when it is told to stop: that waits where it does in any stream.
  if (this.isPaused() || this.readableLength > 0) {
    if (this.listenerCount('data') === 0) this.on('data', onData)
    // False when enough waits: to push may have begun to read again.
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
  // A stream of HTTP/2 does not do so by itself.
  this.destroy()
}

/** A client of HTTP/2 need not end its side after ours (RFC 9113 §8.1), and Firefox does not. */
function onFinish (this: Http2Stream): void {
  // Otherwise Node might reset the stream in place of its end.
  setImmediate(() => this.close(constants.NGHTTP2_NO_ERROR))
}

/** A stream that was reset with NO_ERROR would wait for what it holds to be read, and for a write that cannot end. */
function onAborted (this: Owned): void {
  // Node is still at it.
  process.nextTick(() => this.destroy())
}

function onClose (this: Owned): void {
  this[kOwner]!.transportClosed()
}
