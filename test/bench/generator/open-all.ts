import { type Load, withTls } from '../load.ts'
import { addressFor } from '../machine.ts'
import type { ServerProcess } from '../server-process.ts'
import { type Connection, open, type Options } from './connection.ts'
import { Http2Client } from './http2.ts'

/**
 * Opens so many at once, over HTTP/2 all of them on one connection.
 *
 * @param before how many have been opened already
 */
export async function openAll (
  { port, spec: { http2 = false } }: ServerProcess, load: Load, count: number, optionsOf: (n: number) => Options,
  before = 0
): Promise<Connection[]> {
  const numbers = Array.from({ length: count }, (_, n) => n)
  const targetOf = (n: number) => ({ port, http2, secure: withTls(load), localAddress: addressFor(before + n) })
  if (!http2) return await Promise.all(numbers.map(n => open(targetOf(n), optionsOf(n))))
  const client = await Http2Client.connect(targetOf(0), optionsOf(0).failed)
  return await Promise.all(numbers.map(n => client.open(optionsOf(n))))
}
