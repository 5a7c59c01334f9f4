import type { AddressInfo } from 'node:net'
import type { Socket } from 'fastify-sockets'
import type { Test } from 'tap'
import { createApp } from '../support/app.ts'
import { until } from '../support/until.ts'

type AnySocket = Socket<any, any>

export interface Served {
  app: ReturnType<typeof createApp>
  /** Of the route, without a slash at its end. */
  url: string
  /** The connections of the route, in the order in which they came. */
  sockets: AnySocket[]
  /** What has come over each of them. */
  heard: unknown[][]
  /** The connection with this number, when it has come. */
  socket (number: number): Promise<AnySocket>
}

/** A JSON route, at `/` unless a path is given, that writes down what it gets. */
export async function serve (
  t: Test, handler: (socket: AnySocket, request: any) => unknown = () => {}, route: Record<string, unknown> & { port?: number, path?: string } = {}
): Promise<Served> {
  const { port = 0, path = '/', ...others } = route
  const app = createApp(t)
  const sockets: AnySocket[] = []
  const heard: unknown[][] = []
  app.get(path, { schema: { message: {}, send: {} }, ...others, ws: route.ws ?? true } as any, ((socket: AnySocket, request: any) => {
    const messages: unknown[] = []
    sockets.push(socket)
    heard.push(messages)
    socket.on('message', message => { messages.push(message) })
    return handler(socket, request)
  }) as any)
  await app.listen({ port, host: '127.0.0.1' })
  const url = `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  return {
    app,
    url,
    sockets,
    heard,
    async socket (number) {
      await until(() => sockets.length > number, `connection ${number}`)
      return sockets[number]!
    }
  }
}
