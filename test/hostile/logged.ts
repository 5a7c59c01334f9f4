import type { Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import type { Socket } from 'fastify-sockets'
import { createApp, listen, type LogLine } from '../support/app.ts'
import { RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { KIB, MIB } from './support.ts'

/** What a line of this package may take, in bytes, with Fastify's own request id and all. */
const MOST = 8 * KIB

/** Nearly as much as a message may hold. */
export const LONG = 'x'.repeat(MIB - 100)
/** The worst for JSON, which makes six characters of each. */
export const CONTROL = '\u0001'.repeat(170_000)

export interface Logged {
  port: number
  open (): Promise<RawClient>
  /** Waits for a line with this message. */
  line (msg: string): Promise<LogLine>
  /** All lines with their lengths in bytes. */
  lines: Array<{ line: LogLine, length: number }>
}

/** A handler that takes messages, as they would not be looked at otherwise. */
export function listening (socket: Socket<any, any>): void {
  socket.on('message', () => {})
}

/** An app, and the lines as pino writes them. */
export async function logged (
  t: Test, declare: (app: FastifyInstance) => void, server: object = {}, serializers: Record<string, (value: any) => unknown> = {}
): Promise<Logged> {
  const lines: Logged['lines'] = []
  const write = (text: string): void => { lines.push({ line: JSON.parse(text), length: Buffer.byteLength(text) }) }
  const app = createApp(t, {}, { logger: { level: 'info', stream: { write }, serializers }, ...server })
  declare(app)
  const port = await listen(app)
  const find = (msg: string) => lines.find(({ line }) => line.msg === msg)?.line
  return {
    port,
    lines,
    open: async () => {
      const client = await RawClient.open(port, '/')
      t.teardown(() => client.destroy())
      return client
    },
    line: async msg => {
      await until(() => find(msg) !== undefined, `a log line ${msg}`)
      return find(msg)!
    }
  }
}

/** No line is long. */
export function areShort (t: Test, { lines }: Logged): void {
  for (const { line, length } of lines) t.ok(length <= MOST, `${length} bytes: ${line.msg}`)
}
