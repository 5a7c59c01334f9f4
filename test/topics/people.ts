import type { Socket, TopicOptions } from 'fastify-sockets'
import type { Test } from 'tap'
import type { WebSocket } from 'ws'
import { connect, createApp, listen } from '../support/app.ts'
import { type Clock, fakeClock } from '../support/clock.ts'
import { turn, until } from '../support/until.ts'

/** Somebody's connection, from both ends. */
export interface Visit {
  socket: Socket<any, any>
  client: WebSocket
  /** What the client has got, parsed. */
  got: any[]
}

/** Messages and changes of presence. */
const MESSAGE = {
  type: 'object',
  required: ['type', 'who'],
  properties: { type: { type: 'string' }, who: { type: 'string' }, info: { type: 'string' }, at: { type: 'string' } }
}

/** The change as a message. */
export function announce ({ type, member }: { type: string, member: { id: string, info: unknown } }): object {
  return { type, who: member.id, info: member.info }
}

/** The user that the URL names, and what there is to tell of the connection. */
function query ({ query }: { query: unknown }): { user?: string, info?: string } {
  return query as { user?: string, info?: string }
}

export const identify = (request: { query: unknown }): string | undefined => query(request).user
export const infoOf = ({ request }: Socket<any, any>): string | undefined => query(request).info

/** An app with a topic that knows its members, and a route that subscribes to nothing by itself. */
export async function house (t: Test, options: TopicOptions<any, any, any> = {}) {
  const app = createApp(t, { identify, heartbeat: false })
  const rooms = app.topic('/rooms/:room', { schema: { message: MESSAGE }, ...options } as TopicOptions<{ message: any }>)
  const arrived: Array<Socket<any, any>> = []
  const failures: any[] = []
  app.get('/', { ws: { onError: error => { failures.push(error) } } }, socket => { arrived.push(socket) })
  const port = await listen(app)

  /** @param search such as `user=ada&info=phone` */
  async function visit (search = ''): Promise<Visit> {
    const client = await connect(port, `/?${search}`)
    t.teardown(() => client.terminate())
    const got: any[] = []
    client.on('message', data => { got.push(JSON.parse(data.toString())) })
    await until(() => arrived.length > 0)
    return { socket: arrived.shift()!, client, got }
  }

  /** The same for somebody who is subscribed to a room. */
  async function enter (search = '', room = 'a'): Promise<Visit> {
    const visitor = await visit(search)
    await visitor.socket.subscribe(rooms, { room })
    return visitor
  }

  return { app, rooms, failures, visit, enter }
}

/** A clock that stands still, once what an earlier test has left is over. */
export async function stillClock (t: Test): Promise<Clock> {
  await turn()
  await turn()
  return fakeClock(t, 'performance')
}

/** Goes, as a client does, and waits until the server knows. */
export async function leave ({ socket, client }: Visit): Promise<void> {
  client.close()
  await socket.closed
}
