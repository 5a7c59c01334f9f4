import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { simdMemory } from '../protocol/simd.ts'

/** Called with the socket as `this`; the bytes up to `length` are lent for the call. True: goes on reading. */
export type OnRead = (this: any, length: number, buffer: Buffer) => boolean

/**
 * What all sockets are read into, one after the other. Node's own way is 64 KiB of new memory for every read, which
 * costs more than the read; and what is read in larger pieces is answered in larger ones.
 */
const sharedBuffer = simdMemory ?? Buffer.allocUnsafeSlow(512 * 1024)

/*
 * Node can do that: `net.connect` takes it as the option `onread`. The sockets of a server cannot be given it, so it is
 * set here on a socket that is there already, as Node's constructor would have set it (the same in Node 20 to 26). A
 * Node that keeps it elsewhere is noticed, and the socket read in the ordinary way.
 */
const symbols = Object.getOwnPropertySymbols(new Socket())
const kBuffer = symbols.find(({ description }) => description === 'kBuffer')
const kBufferCb = symbols.find(({ description }) => description === 'kBufferCb')
const possible = kBuffer !== undefined && kBufferCb !== undefined && process.env.FASTIFY_SOCKETS_NO_SHARED_READ === undefined

/** Has a socket read into the shared buffer from now on. False: nothing has changed, it has to be read as any stream. */
export function readShared (duplex: Duplex, onRead: OnRead): boolean {
  // What Node has read ahead can only come as an event.
  if (!possible || !(duplex instanceof Socket) || duplex.readableLength > 0) return false
  const socket = duplex as any
  if (typeof socket._handle?.useUserBuffer !== 'function') return false
  socket._handle.useUserBuffer(sharedBuffer)
  socket[kBuffer!] = sharedBuffer
  socket[kBufferCb!] = onRead
  return true
}
