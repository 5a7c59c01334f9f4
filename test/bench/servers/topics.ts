import type { News } from '../news.ts'
import { LEAVE, PUBLISH, SUBSCRIBE, type TopicPlan, topicsByConnection, topicsOfBatch } from '../topic-plan.ts'
import { load } from './config.ts'
import { publisher } from './publisher.ts'
import { answers } from './report.ts'

/** How a server does it. */
export interface Server<Socket> {
  subscribe: (socket: Socket, topic: string) => unknown
  unsubscribe: (socket: Socket, topic: string) => unknown
  publish: (topic: string) => unknown
  answer: (socket: Socket) => void
}

/** What all servers do for the loads with topics. */
export class Topics<Socket> {
  readonly #server: Server<Socket>
  readonly #plan = load as TopicPlan & News
  readonly #topics: string[][]
  readonly #sockets = new Map<number, Socket>()
  #published = 0

  constructor (server: Server<Socket>) {
    this.#server = server
    this.#topics = topicsByConnection(this.#plan).map(numbers => numbers.map(nameOf))
    answers.publisher = () => publisher(count => { this.#publish(count) })
  }

  opened (n: number, socket: Socket): void {
    this.#sockets.set(n, socket)
  }

  closed (n: number, socket: Socket): void {
    if (this.#sockets.get(n) === socket) this.#sockets.delete(n)
  }

  /** What one of the sockets has sent. */
  async command (text: string, socket: Socket): Promise<void> {
    const [verb, n] = text.split(' ')
    if (verb === PUBLISH) {
      for (const topic of topicsOfBatch(this.#plan, Number(n))) void this.#server.publish(nameOf(topic))
      return
    }
    if (verb === SUBSCRIBE) await this.#each(this.#server.subscribe)
    else if (verb === LEAVE) await this.#each(this.#server.unsubscribe)
    this.#server.answer(socket)
  }

  /** To one topic after the other. */
  #publish (count: number): void {
    for (; count > 0; count--) void this.#server.publish(nameOf(this.#published++ % this.#plan.topics))
  }

  async #each (work: (socket: Socket, topic: string) => unknown): Promise<void> {
    for (const [n, socket] of this.#sockets) await Promise.all(this.#topics[n]!.map(topic => work(socket, topic)))
  }
}

function nameOf (topic: number): string {
  return String(topic)
}

/** The number of a connection, by the URL of its handshake. */
export function numberOf (url: string): number {
  return Number(new URL(url, 'http://localhost').searchParams.get('n'))
}
