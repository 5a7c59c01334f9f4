import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { simdMemory } from '../protocol/simd.ts'

/** Called with the socket as `this`. The first `length` bytes are lent for the call. True: reading goes on. */
export type OnRead = (this: any, length: number, buffer: Buffer) => boolean

/**
 * All sockets are read into this buffer, one after another. Node itself allocates 64 KiB for every read, which costs
 * more than the read; and what is read in larger pieces is answered in larger pieces.
 */
const sharedBuffer = simdMemory ?? Buffer.allocUnsafeSlow(512 * 1024)

/*
 * `net.connect` can do this, with the option `onread`; the sockets of a server cannot be given it. So we set it on an
 * existing socket, as Node's constructor would have (the same in Node 20 to 26). If a Node keeps it elsewhere, we notice,
 * and read the socket in the ordinary way.
 */
const symbols = Object.getOwnPropertySymbols(new Socket())
const kBuffer = symbols.find(({ description }) => description === 'kBuffer')
const kBufferCb = symbols.find(({ description }) => description === 'kBufferCb')
const isPossible = kBuffer !== undefined && kBufferCb !== undefined && process.env.FASTIFY_SOCKETS_NO_SHARED_READ === undefined

/** Makes a socket read into the shared buffer from now on. False: nothing has changed; read it like any stream. */
export function readShared (duplex: Duplex, onRead: OnRead): boolean {
  // What Node has already read can only come as an event.
  if (!isPossible || !(duplex instanceof Socket) || duplex.readableLength > 0) return false
  const socket = duplex as any
  if (typeof socket._handle?.useUserBuffer !== 'function') return false
  socket._handle.useUserBuffer(sharedBuffer)
  socket[kBuffer!] = sharedBuffer
  socket[kBufferCb!] = onRead
  return true
}
