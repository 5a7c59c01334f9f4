/* What the server publishes while clients follow it. */
import type { FastifyInstance } from 'fastify'
import type { Socket } from 'fastify-sockets'

/** How many rooms there are. The first has long messages, for readers that may be slow. */
export const ROOMS = 10
/** Milliseconds from one message of each room to the next. */
const PACE = 50
const LONG = 'x'.repeat(150_000)
const SHORT = 'x'.repeat(300)
/** Milliseconds that messages are kept when the last one has been published: then nothing of them must be left. */
export const KEPT = 2000
/** Milliseconds that a member may be away. */
const GRACE = 300

/** What a follower is sent when it has subscribed, and what it is to get from then on. */
export interface Begun {
  recovered: boolean
  at: string
  /** The number of the last message that it is not to get. */
  last: number
}

export interface RoomMessage {
  n: number
  at: string
}

const ENTRY = { type: 'object', properties: { n: { type: 'integer' }, at: { type: 'string' }, text: { type: 'string' } } }
const PRICE = { type: 'object', properties: { price: { type: 'integer' } } }

/** Rooms, each with a price that only its newest value matters of. */
export class Rooms {
  /** How many messages each of them has had. */
  readonly counts: number[] = Array.from({ length: ROOMS }, () => 0)
  readonly #rooms
  readonly #prices
  #timer: NodeJS.Timeout | undefined

  /** @param join is told of each socket */
  constructor (app: FastifyInstance, join: (socket: Socket<any, any>) => void) {
    this.#rooms = app.topic('/rooms/:room', {
      schema: { message: ENTRY },
      history: { size: 2000, ttl: KEPT, position: 'at' },
      presence: { grace: GRACE },
      overflow: 'catch-up'
    } as object) as any
    this.#prices = app.topic('/prices/:room', { schema: { message: PRICE }, overflow: 'latest' } as object) as any
    app.get('/rooms', { ws: { highWaterMark: 16_384 } }, async (socket: Socket<any, any>, request) => {
      const { room, since } = request.query as { room: string, since?: string }
      join(socket)
      await socket.subscribe(this.#prices, { room })
      await socket.subscribe(this.#rooms, { room }, {
        since,
        begin: ({ recovered, at }) => {
          socket.send(JSON.stringify({ recovered, at, last: this.counts[Number(room)]! } satisfies Begun))
        }
      })
    })
  }

  start (): void {
    this.#timer = setInterval(() => { this.#publish() }, PACE)
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  /** How many members all rooms have. */
  async members (): Promise<number> {
    const counts = await Promise.all(this.counts.map((_, room): Promise<number> => this.#rooms.count({ room: `${room}` })))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  #publish (): void {
    for (const room of this.counts.keys()) {
      const n = ++this.counts[room]!
      const params = { room: `${room}` }
      this.#rooms.publish(params, { n, text: room === 0 ? LONG : SHORT })
      this.#prices.publish(params, { price: n })
    }
  }
}
