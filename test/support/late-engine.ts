import { MemoryEngine } from '../../lib/backplane/memory.ts'
import { turn } from './until.ts'

type Method = 'open' | 'publish' | 'subscribe' | 'unsubscribe' | 'read' | 'last' | 'join' | 'leave' | 'members' | 'count'
type Sink = { onMessage (topic: string, numbered: unknown): void }

const METHODS: Method[] = ['open', 'publish', 'subscribe', 'unsubscribe', 'read', 'last', 'join', 'leave', 'members', 'count']

/** No topic: what the engine says of it is where it stands. */
const NOWHERE = '\0'

/** One direction of a connection: what is sent later does not arrive earlier. */
class Line {
  readonly #delay: () => Delay
  #last: Promise<unknown> = Promise.resolve()

  constructor (delay: () => Delay) {
    this.#delay = delay
  }

  /** @returns what happens at the other end */
  carry<Value> (arrive: () => Value): Promise<Awaited<Value>> {
    const arrived = Promise.all([this.#last, passed(this.#delay())]).then(arrive) as Promise<Awaited<Value>>
    this.#last = arrived.catch(() => {})
    return arrived
  }
}

/** Turns of the event loop, or a promise. */
export type Delay = number | Promise<unknown>

/** What each request, answer and announcement is asked how long it takes. */
export interface Delays {
  request: () => Delay
  answer: () => Delay
  announcement: () => Delay
}

/**
 * Until it is undone, topics are as far away as a server is: requests arrive in order and after a while, answers later, and
 * announcements in an order of their own, on another connection.
 *
 * @returns what undoes it
 */
export function delayEngines ({ request, answer, announcement }: Delays): () => void {
  const prototype = MemoryEngine.prototype as any
  const originals: Record<Method, (...args: any[]) => any> = Object.create(null)
  for (const method of METHODS) originals[method] = prototype[method]
  const requests = new Line(request)
  const subscriptions = new Line(request)
  const announcements = new Line(announcement)

  async function ask (engine: unknown, method: Method, args: unknown[]): Promise<unknown> {
    const value = await requests.carry(() => originals[method].apply(engine, args))
    await passed(answer())
    return value
  }

  for (const method of METHODS) {
    prototype[method] = function (...args: unknown[]) { return ask(this, method, args) }
  }
  prototype.open = function (sink: Sink) {
    return originals.open.call(this, {
      onMessage (topic: string, numbered: unknown) { void announcements.carry(() => sink.onMessage(topic, numbered)) }
    })
  }
  prototype.subscribe = async function (...args: unknown[]) {
    await subscriptions.carry(() => originals.subscribe.apply(this, args))
    await announcements.carry(() => {})
    return ask(this, 'subscribe', [NOWHERE, null])
  }
  prototype.unsubscribe = function (topic: string) {
    void subscriptions.carry(() => originals.unsubscribe.call(this, topic))
  }
  return () => { Object.assign(prototype, originals) }
}

function passed (delay: Delay): Promise<unknown> {
  return typeof delay === 'number' ? turns(delay) : delay
}

/** So many turns of the event loop. */
export async function turns (count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}
