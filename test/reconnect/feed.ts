/* A server whose clients follow a topic, and say something themselves. */
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import sockets, { type Backplane } from 'fastify-sockets'
import type { Heartbeat } from './times.ts'

/** What a client gets first, and again if the server had to begin anew. */
export interface Begun {
  begun: true
  recovered: boolean
  at: string
}

export interface Numbered {
  n: number
  at: string
  text: string
}

/** What clients send. */
export interface Said {
  said: number
}

export interface FeedOptions {
  heartbeat: Heartbeat
  /** Where what is published is kept; by default in the app itself. */
  backplane?: Backplane
  /** Told of what clients say, with a number for each connection. */
  onSaid? (client: string, connection: number, said: number): void
}

const MESSAGE = { type: 'object', properties: { n: { type: 'integer' }, at: { type: 'string' }, text: { type: 'string' } } }
const SAID = { type: 'object', required: ['said'], properties: { said: { type: 'integer' } } }

let connections = 0

/** `/json` speaks JSON both ways, `/raw` has no schema; both follow the same topic. */
export class Feed {
  readonly app: FastifyInstance
  /** When each socket came, by the clock of the machine. */
  readonly arrivals: number[] = []
  readonly #topic

  constructor ({ heartbeat, backplane, onSaid }: FeedOptions) {
    const app = this.app = Fastify({ forceCloseConnections: true })
    app.register(sockets, { heartbeat, closeTimeout: 200, ...backplane && { backplane } })
    const topic = this.#topic = app.topic('/feed', {
      schema: { message: MESSAGE }, history: { size: 10_000, ttl: 60_000, position: 'at' }, overflow: 'catch-up'
    } as object) as { publish (message: object): Promise<{ at: string }> }
    for (const [url, schema] of [['/json', { message: SAID }], ['/raw', {}]] as const) {
      app.get(url, { ws: true, schema } as object, async (socket: any, request: any) => {
        this.arrivals.push(Date.now())
        const { id, since } = request.query as { id: string, since?: string }
        const connection = connections++
        socket.on('message', (message: Said | string) => {
          onSaid?.(id, connection, (typeof message === 'string' ? JSON.parse(message) as Said : message).said)
        })
        await socket.subscribe(topic, {
          since,
          begin: ({ recovered, at }: Begun) => { socket.send(JSON.stringify({ begun: true, recovered, at } satisfies Begun)) }
        })
      })
    }
  }

  async listen (port = 0, host = '127.0.0.1'): Promise<number> {
    await this.app.listen({ port, host })
    return (this.app.server.address() as AddressInfo).port
  }

  publish (n: number, text: string): Promise<{ at: string }> {
    return this.#topic.publish({ n, text })
  }

  /** As a process that is killed: nobody is told. */
  async kill (): Promise<void> {
    for (const socket of this.app.sockets) socket.terminate()
    await this.app.close()
  }
}
