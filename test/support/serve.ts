import type { Duplex } from 'node:stream'
import type { BaseSocket, Socket, SocketOptions } from 'fastify-sockets'
import type { Test } from 'tap'
import type { ClientOptions, WebSocket } from 'ws'
import { connect, createApp, listen } from './app.ts'
import { handshake, RawClient } from './raw-client.ts'
import { turn, until } from './until.ts'

type AnySocket = Socket<any, any>

/** One route at `/` on a listening app. */
export interface Served {
  app: ReturnType<typeof createApp>
  port: number
  /** A client of raw bytes, gone when the test ends. */
  open (headers?: Record<string, string>): Promise<RawClient>
  /** A client of the `ws` package, gone when the test ends. */
  connect (options?: ClientOptions): Promise<WebSocket>
}

/** Serves a handler. Clients go before the app closes, so that no test waits for a silent one. */
export async function serve (
  t: Test, handler: (socket: AnySocket) => unknown, ws: SocketOptions = {}, route: Record<string, unknown> = {}
): Promise<Served> {
  const app = createApp(t)
  app.get('/', { ...route, ws }, handler as any)
  return listenTo(t, app)
}

/** The same for an app whose routes are declared already. */
export async function listenTo (t: Test, app: Served['app']): Promise<Served> {
  const port = await listen(app)
  const { stats } = app.sockets
  /** The client may have the answer to its handshake before the handler has been called. */
  async function served<Client> (opening: Promise<Client>): Promise<Client> {
    const { opened } = stats()
    const client = await opening
    await until(() => stats().opened > opened)
    return client
  }
  return {
    app,
    port,
    open: async headers => {
      const client = await served(RawClient.open(port, '/', headers))
      t.teardown(() => client.destroy())
      return client
    },
    connect: async options => {
      const client = await served(connect(port, '/', options))
      t.teardown(() => client.terminate())
      return client
    }
  }
}

export interface Pair extends Served {
  socket: AnySocket
  client: RawClient
  /** Otherwise it ends with the test. */
  endHandler (): void
}

/**
 * Both ends of one connection: the socket as its handler got it, with nothing listening yet, and a raw client. The handler
 * does not end before the test: messages wait for whoever listens next.
 */
export async function pair (
  t: Test, ws: SocketOptions = {}, route: Record<string, unknown> = {}, headers: Record<string, string> = {}
): Promise<Pair> {
  const sockets: AnySocket[] = []
  let endHandler = (): void => {}
  const testHasEnded = new Promise<void>(resolve => { endHandler = resolve })
  const served = await serve(t, socket => {
    sockets.push(socket)
    return testHasEnded
  }, ws, route)
  t.teardown(endHandler)
  const client = await served.open(headers)
  return { ...served, client, socket: sockets[0]!, endHandler }
}

/** The same with a client that keeps its side of the transport open when the server has ended the other. */
export async function halfOpenPair (t: Test, ws: SocketOptions = {}): Promise<Pick<Pair, 'client' | 'socket'>> {
  const { app, port } = await serve(t, () => {}, ws)
  const client = new RawClient(port, { allowHalfOpen: true })
  t.teardown(() => client.destroy())
  client.write(handshake('/'))
  await client.response()
  await until(() => app.sockets.size === 1)
  const [socket] = app.sockets
  return { client, socket: socket! }
}

/** The messages of a socket, by hand: to the server it is a loop, which ends with the test. */
export function iterate (t: Test, socket: BaseSocket<any, any>): AsyncIterator<any, undefined> {
  const messages = socket[Symbol.asyncIterator]()
  t.teardown(() => messages.return!())
  return messages
}

/** The next message for a socket that nobody else listens to. */
export function nextMessage (socket: BaseSocket<any, any>): Promise<any> {
  return new Promise(resolve => { socket.once('message', resolve) })
}

/** The code of the error that a call throws or a promise rejects with; undefined if it does neither. */
export async function codeOf (call: () => unknown): Promise<string | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    return (error as { code?: string }).code
  }
}

/** What `stall` sends: less than the default `highWaterMark`. */
export const CHUNK = Buffer.alloc(64_000)

/** Makes the client stop reading and fills what is between it and the socket. Returns how many messages that took. */
export async function stall (client: { socket: Duplex }, socket: AnySocket, chunk: Buffer | string = CHUNK): Promise<number> {
  client.socket.pause()
  let sent = 0
  let full
  do {
    while (socket.send(chunk)) sent++
    sent++
    // TCP may have room for more after the first turn.
    const before = socket.bufferedAmount
    for (let i = 0; i < 5; i++) await turn()
    full = socket.bufferedAmount === before
  } while (!full)
  return sent
}
