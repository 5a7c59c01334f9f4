import type { FastifyInstance } from 'fastify'
import type { PluginOptions, Socket, SocketOptions } from 'fastify-sockets'
import type { Test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { original } from '../support/deflate.ts'
import { RawClient } from '../support/raw-client.ts'
import { transportOf } from '../support/transport.ts'
import { until } from '../support/until.ts'

export type AnySocket = Socket<any, any>

/** Both ends of a connection. */
export interface Ends {
  socket: AnySocket
  client: RawClient
}

export interface Stage<Declared> {
  app: ReturnType<typeof createApp>
  /** What the test has declared. */
  topics: Declared
  /** What `onError` was told. */
  failures: any[]
  /** A client of raw bytes on a route, gone when the test ends, and its socket, whose handler has ended. */
  open (url?: string, headers?: Record<string, string>): Promise<Ends>
  /** A client in memory, and its socket. */
  inject (url?: string): Promise<{ socket: AnySocket, client: any }>
}

export interface StageOptions {
  plugin?: PluginOptions
  ws?: SocketOptions<any>
  /** Of the route at `/`. */
  route?: Record<string, unknown>
}

/** An app with a route at `/` whose sockets subscribe as the test tells them, and the topics that the test declares. */
export async function stage<Declared = undefined> (
  t: Test, declare?: (app: FastifyInstance) => Declared, { plugin = {}, ws = {}, route = {} }: StageOptions = {}
): Promise<Stage<Declared>> {
  const app = createApp(t, plugin)
  const opened: AnySocket[] = []
  const failures: any[] = []
  const onError = (error: unknown): void => { failures.push(error) }
  const topics = declare?.(app) as Declared
  app.get('/', { ...route, ws: { onError, ...ws } }, (socket: AnySocket) => { opened.push(socket) })
  app.get('/values', { ws: { onError }, schema: { send: {} } } as any, ((socket: AnySocket) => { opened.push(socket) }) as any)
  const port = await listen(app)
  async function ends<Client> (opening: Promise<Client>): Promise<{ socket: AnySocket, client: Client }> {
    const before = opened.length
    const client = await opening
    await until(() => opened.length > before, 'its handler')
    return { client, socket: opened.at(-1)! }
  }
  return {
    app,
    topics,
    failures,
    async open (url = '/', headers = {}) {
      const both = await ends(RawClient.open(port, url, headers))
      t.teardown(() => both.client.destroy())
      return both
    },
    inject: (url = '/') => ends((app as any).injectWS(url))
  }
}

/** The next message of a client, as text. */
export async function text (client: RawClient): Promise<string> {
  const frame = await client.frame()
  if (frame.opcode === 8) throw new Error(`closed with ${frame.payload.readUInt16BE(0)}: ${frame.payload.toString('utf8', 2)}`)
  return original(frame).toString()
}

/** The next so many. */
export async function texts (client: RawClient, count: number): Promise<string[]> {
  const all = []
  for (let i = 0; i < count; i++) all.push(await text(client))
  return all
}

/** What a client has been given, up to an end that is sent to it now. */
export async function textsSoFar ({ client, socket }: Ends): Promise<string[]> {
  socket.send('[end]')
  return textsUpTo(client, '[end]')
}

/** All messages before the one that contains that. */
export async function textsUpTo (client: RawClient, end: string): Promise<string[]> {
  const all = []
  for (let next = await text(client); !next.includes(end); next = await text(client)) all.push(next)
  return all
}

/** `m0`, `m1` and so on. */
export function numbers (count: number, start = 0): string[] {
  return Array.from({ length: count }, (_, i) => `m${start + i}`)
}

/** What a socket hands to its transport, write by write. */
export function writesOf (socket: AnySocket): Buffer[] {
  const transport = transportOf(socket)
  const writes: Buffer[] = []
  const { write } = transport
  transport.write = function (this: unknown, chunk: Buffer, ...rest: any[]) {
    writes.push(Buffer.from(chunk))
    return (write as any).call(this, chunk, ...rest)
  } as typeof write
  return writes
}

/** The transport of a socket takes nothing until it is released: what is written waits. */
export function block (socket: AnySocket): () => void {
  const transport = transportOf(socket)
  transport.cork()
  return () => { transport.uncork() }
}
