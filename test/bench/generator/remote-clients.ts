import { setTimeout as wait } from 'node:timers/promises'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { masked } from '../../support/frames.ts'
import { TEXT } from '../../support/opcodes.ts'
import { dialectOf } from '../dialect.ts'
import type { RemoteLoad } from '../loads/backplane.ts'
import type { ServerProcess } from '../server-process.ts'
import { now, stamped } from '../stamped.ts'
import { SUBSCRIBE } from '../topic-plan.ts'
import { buffer, type Connection, reset } from './connection.ts'
import type { Latency } from './latency.ts'
import { openInBatches } from './open-all.ts'
import { StampedFrames } from './stamped-frames.ts'

/** Some servers say that somebody is subscribed before their Redis knows. */
const SUBSCRIBING = 300
/** Milliseconds after which what has not come is lost. */
const PATIENCE = 3000

/** Subscribers of one process, and what tells another one to publish, always with so many messages on their way. */
export class RemoteClients {
  readonly #load: RemoteLoad
  readonly #latency: Latency
  readonly #tally: { add: (count: number) => void }
  readonly #failed: (error: Error) => void
  #connections: Connection[] = []
  #publisher: Socket | null = null
  #onWay = 0
  #stopped: (() => void) | null = null

  constructor (load: RemoteLoad, latency: Latency, tally: { add: (count: number) => void }, failed: (error: Error) => void) {
    this.#load = load
    this.#latency = latency
    this.#tally = tally
    this.#failed = failed
  }

  async open (subscribed: ServerProcess, publishing: ServerProcess): Promise<void> {
    const { connections } = this.#load
    const dialect = dialectOf(subscribed.spec)
    const stampAt = dialect.delivery(JSON.stringify(stamped(1)), true).search(/\d{16}/)
    let answered = (): void => {}
    const answer = new Promise<void>(resolve => { answered = resolve })
    let isSubscribed = false
    this.#connections = await openInBatches(subscribed, this.#load, connections, number => {
      const frames = new StampedFrames(stampAt)
      return {
        number,
        failed: this.#failed,
        received: (start, end) => {
          if (isSubscribed) this.#received(frames.push(buffer.subarray(start, end), this.#took))
          else answered()
        }
      }
    })
    this.#connections[0]!.write(masked(TEXT, dialect.command(SUBSCRIBE)))
    await answer
    isSubscribed = true
    await wait(SUBSCRIBING)
    this.#publisher = connect({ port: await publishing.publisher(), host: '127.0.0.1', noDelay: true })
    this.#publisher.on('error', this.#failed)
    await once(this.#publisher, 'connect')
  }

  start (): void {
    this.#publish(this.#load.inFlight)
  }

  /** Publishes no more. Throws unless all that was published arrives. */
  async stop (): Promise<void> {
    const stopped = new Promise<void>(resolve => { this.#stopped = resolve })
    if (this.#onWay === 0) return
    const patience = new AbortController()
    await Promise.race([stopped, wait(PATIENCE, undefined, { signal: patience.signal })])
    patience.abort()
    if (this.#onWay !== 0) throw new Error(`${this.#onWay} messages were lost`)
  }

  reset (): void {
    reset(this.#connections)
    this.#connections = []
    this.#publisher?.destroy()
  }

  #publish (count: number): void {
    this.#onWay += count
    this.#publisher!.write(Uint8Array.of(count))
  }

  readonly #took = (sent: number): void => { this.#latency.record(now() - sent) }

  #received (count: number): void {
    if (count === 0) return
    this.#tally.add(count)
    this.#onWay -= count
    if (this.#stopped === null) this.#publish(count)
    else if (this.#onWay === 0) this.#stopped()
  }
}
