import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { engine } from './config.ts'

const sockets: Socket[] = []

if (engine !== undefined) {
  subscribe('net.client.socket', message => { sockets.push((message as { socket: Socket }).socket) })
}

/** Bytes that have come over the connections that this process has made: all of them are to its engine. */
export function fromEngine (): number {
  return sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0)
}
