import type { FastifyInstance } from 'fastify'
import type { BaseSocket, Socket } from 'fastify-sockets'
import { until } from '../support/until.ts'

/** Both ends of an injected connection. */
export interface Visitor {
  socket: Socket<any, any>
  client: BaseSocket<any, any>
  /** The messages that the client has got. */
  got: any[]
}

/**
 * Declares a route whose handler does nothing. Returns what opens a connection to it.
 *
 * @param prefix of the instance, which its clients have to know
 */
export function visitors (app: FastifyInstance, route: Record<string, unknown> = {}, url = '/', prefix = ''): () => Promise<Visitor> {
  const arrived: Array<Socket<any, any>> = []
  app.get(url, { ws: true, ...route } as any, ((socket: Socket<any, any>) => { arrived.push(socket) }) as any)
  return async () => {
    if (!('injectWS' in app)) await (app as FastifyInstance).ready()
    const client: BaseSocket<any, any> = await app.injectWS(prefix + url)
    await until(() => arrived.length > 0)
    const got: any[] = []
    client.on('message', message => { got.push(message) })
    return { socket: arrived.shift()!, client, got }
  }
}

/** The error that a promise rejects with, or a call throws. */
export async function errorOf (call: () => unknown): Promise<any> {
  try {
    await call()
  } catch (error) {
    return error
  }
  return new Error('nothing went wrong')
}
