import { dialectOf } from '../dialect.ts'
import { withTls } from '../loads/kind.ts'
import { addressFor } from '../machine.ts'
import type { ServerProcess } from '../server-process.ts'
import { type Connection, open, type Options } from './connection.ts'
import { Http2Client } from './http2.ts'

/** At a time: the server's backlog is limited. Over HTTP/2 so many are on a connection. */
const BATCH = 100

/**
 * Opens so many at once, over HTTP/2 several of them on each connection.
 *
 * @param before how many have been opened already
 */
export async function openAll (
  { port, spec }: ServerProcess, load: object, count: number, optionsOf: (n: number) => Options,
  before = 0
): Promise<Connection[]> {
  const { streams } = spec
  const numbers = Array.from({ length: count }, (_, n) => n)
  const http2 = streams !== undefined
  const targetOf = (n: number) => ({ port, http2, secure: withTls(load), localAddress: addressFor(before + n) })
  if (!http2) return await Promise.all(numbers.map(n => open(targetOf(n), dialectOf(spec), optionsOf(n))))
  const clients = await Promise.all(numbers.filter(n => n % streams === 0).map(n => {
    return Http2Client.connect(targetOf(n), optionsOf(n).failed)
  }))
  return await Promise.all(numbers.map(n => clients[Math.floor(n / streams)]!.open(optionsOf(n))))
}

/** The same, a few at a time. */
export async function openInBatches (
  server: ServerProcess, load: object, count: number, optionsOf: (n: number) => Options
): Promise<Connection[]> {
  const opened: Connection[] = []
  while (opened.length < count) {
    const before = opened.length
    opened.push(...await openAll(server, load, Math.min(BATCH, count - before), n => optionsOf(before + n), before))
  }
  return opened
}
