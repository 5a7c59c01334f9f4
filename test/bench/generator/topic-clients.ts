import { masked } from '../../support/frames.ts'
import { TEXT } from '../../support/opcodes.ts'
import { dialectOf } from '../dialect.ts'
import { deliveredBytes, type News } from '../news.ts'
import type { ServerProcess } from '../server-process.ts'
import { PUBLISH, subscribersOf, type TopicPlan } from '../topic-plan.ts'
import { ByteCounter } from './byte-counter.ts'
import { buffer, type Connection, reset } from './connection.ts'
import { openInBatches } from './open-all.ts'

/** Connections to a server with topics, the first of which tells it what to do. */
export class TopicClients {
  /** What has been published, to all subscribers. */
  delivered = 0
  /** Called when more has been delivered. */
  onDelivered: (count: number) => void = () => {}
  readonly #server: ServerProcess
  readonly #load: TopicPlan & News
  readonly #counter: ByteCounter
  readonly #failed: (error: Error) => void
  #connections: Connection[] = []
  #answered: (() => void) | null = null

  constructor (server: ServerProcess, load: TopicPlan & News, failed: (error: Error) => void) {
    this.#server = server
    this.#load = load
    this.#failed = failed
    this.#counter = new ByteCounter(deliveredBytes(load, dialectOf(server.spec)))
  }

  async open (): Promise<void> {
    this.#connections = await openInBatches(this.#server, this.#load, this.#load.connections, number => ({
      number,
      failed: this.#failed,
      received: (start, end) => { this.#received(start, end) }
    }))
  }

  /** Resolves when the server has done what it is told. Meanwhile nothing may be on its way. */
  async tell (text: string): Promise<void> {
    const answer = new Promise<void>(resolve => { this.#answered = resolve })
    this.#command(text)
    await answer
  }

  /** Has the nth batch published. @returns how many deliveries will come of it */
  publish (n: number): number {
    this.#command(`${PUBLISH} ${n}`)
    return this.#load.batch * subscribersOf(this.#load)
  }

  reset (): void {
    reset(this.#connections)
    this.#connections = []
  }

  #command (text: string): void {
    this.#connections[0]!.write(masked(TEXT, dialectOf(this.#server.spec).command(text)))
  }

  #received (start: number, end: number): void {
    if (this.#answered !== null) {
      this.#answered()
      this.#answered = null
      return
    }
    const complete = this.#counter.push(buffer, start, end)
    this.delivered += complete
    this.onDelivered(complete)
  }
}
