import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { masked, readFrame } from '../support/frames.ts'
import { CLOSE } from '../support/opcodes.ts'
import { handshake } from '../support/raw-client.ts'

export interface Crowd {
  port: number
  /** From which they connect: each address has its own range of ports. */
  address: string
  count: number
  /** So many read no more when they have connected. */
  deaf: number
}

const AT_A_TIME = 50

/** Connects them all and stays until the server ends them: how many saw which code; deaf ones count as such. */
export async function joinCrowd ({ port, address, count, deaf }: Crowd): Promise<Record<string, number>> {
  const ends: Promise<string>[] = []
  while (ends.length < count) {
    const opening = Array.from({ length: Math.min(AT_A_TIME, count - ends.length) }, () => open(port, address))
    for (const socket of await Promise.all(opening)) ends.push(ends.length < deaf ? endOfDeaf(socket) : endOf(socket))
  }
  const seen: Record<string, number> = {}
  for (const how of await Promise.all(ends)) seen[how] = (seen[how] ?? 0) + 1
  return seen
}

/** A reset is an end as well. */
function closed (socket: Socket): Promise<void> {
  return new Promise(resolve => { socket.once('close', () => { resolve() }) })
}

async function open (port: number, address: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: address })
  socket.on('error', () => {})
  socket.write(handshake('/'))
  await once(socket, 'data')
  return socket
}

/** The code of the close frame that came first, which is answered; 'nothing' if none did. */
async function endOf (socket: Socket): Promise<string> {
  let how = 'nothing'
  socket.on('data', bytes => {
    const read = readFrame(bytes)
    if (read?.opcode !== CLOSE || how !== 'nothing') return
    how = String(read.payload.readUInt16BE(0))
    socket.write(masked(CLOSE, read.payload))
  })
  await closed(socket)
  return how
}

async function endOfDeaf (socket: Socket): Promise<string> {
  socket.pause()
  // Only writing shows it that the server has gone.
  const timer = setInterval(() => { socket.write(masked(10)) }, 500)
  await closed(socket)
  clearInterval(timer)
  return 'deaf'
}
