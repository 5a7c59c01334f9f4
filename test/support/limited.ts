import type { LimitOptions, Socket, SocketOptions } from 'fastify-sockets'
import type { Test } from 'tap'
import { type Clock, fakeClock } from './clock.ts'
import { closeBody, masked } from './frames.ts'
import { CLOSE, TEXT } from './opcodes.ts'
import type { RawClient } from './raw-client.ts'
import { type Pair, pair } from './serve.ts'
import { noise } from './splits.ts'
import { turn } from './until.ts'

/** So large that it is inflated in the thread pool. */
export const LARGE = Buffer.concat([noise(20_000), Buffer.alloc(20_000)])

/** Everything that a socket hands on, in order. */
export function record (socket: Socket<any, any>): unknown[] {
  const events: unknown[] = []
  socket.on('message', message => { events.push(typeof message === 'string' ? message : message.length) })
  socket.on('ping', payload => { events.push(`ping ${payload.toString()}`) })
  socket.on('pong', payload => { events.push(`pong ${payload.toString()}`) })
  socket.on('error', error => { events.push((error as NodeJS.ErrnoException).code) })
  socket.on('close', ({ code }) => { events.push(code) })
  return events
}

export interface Limited extends Pair {
  clock: Clock
  events: unknown[]
}

/** One connection with these limits, on a clock that stands still. Nothing else has a timer. */
export async function limited (
  t: Test, limits: LimitOptions, ws: SocketOptions = {}, headers: Record<string, string> = {}
): Promise<Limited> {
  const clock = fakeClock(t, 'performance')
  const both = await pair(t, { heartbeat: false, ...ws, limits }, {}, headers)
  return { ...both, clock, events: record(both.socket) }
}

/** The client's half of a closing handshake that the server has begun. */
export async function answerClose (client: RawClient): Promise<{ code: number, reason: string }> {
  const info = await client.close()
  client.send(CLOSE, closeBody(info.code))
  await client.end()
  return info
}

export function texts (count: number, from = 0): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => masked(TEXT, `${from + i}`)))
}

export function numbers (count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `${from + i}`)
}

/** Several turns, in which nothing must happen. */
export async function turns (): Promise<void> {
  for (let i = 0; i < 10; i++) await turn()
}
