import type { Duplex } from 'node:stream'
import type { Beginning, Position, Published, Socket } from 'fastify-sockets'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { Registry } from '../../lib/plugin/registry.ts'
import { DuplexEnd } from '../../lib/testing/duplex-pair.ts'
import { connect, createApp, listen } from '../support/app.ts'
import { turns } from '../support/late-engine.ts'
import { turn, until } from '../support/until.ts'
import { check } from './topics-check.ts'
import { type Entry, type Fact, type Seen, type Session, TopicLog, type Visit } from './topics-log.ts'
import { COMPRESSIONS, MARKS, OVERFLOWS, type Plan, SIZES, type Step, TOPICS } from './topics-plan.ts'

type AnySocket = Socket<any, any>
type Do<Kind> = Extract<Step, { do: Kind }>

/** What a client need not read: as little as if its network were narrow. */
const UNREAD = 1000
/** Bytes that are less than any limit of the routes. */
const CALM = 20_000
/** Bytes that a route lets wait. */
const MAX_BUFFERED = 200_000
/** What is waited for at the end, in milliseconds. */
const PATIENCE = 3000

const DEFLATE = {
  none: false, shared: { threshold: 200 }, takeover: { contextTakeover: true, threshold: 200, windowBits: 9, memLevel: 1 }
}

/** A topic of a run: declared or not. */
interface Target {
  subscribe (socket: AnySocket, options: object): Promise<Beginning>
  unsubscribe (socket: AnySocket): boolean
  publish (message: object, options: object): Promise<Published>
}

/** A connection with both of its ends. */
interface Line extends Visit {
  readonly id: number
  readonly peer: WebSocket
  readonly socket: AnySocket
  readonly current: Map<number, Session>
}

/** An app for all runs, which have rooms of their own. */
export class Place {
  readonly app: ReturnType<typeof createApp>
  /** Whether the engine announces what is published at once. */
  readonly isNear: boolean
  /** Code of the user's that failed, though none should. */
  readonly failures: string[] = []
  readonly #port: Promise<number> | null
  readonly #sockets = new Map<number, AnySocket>()
  readonly #topics = new Map<string, any>()
  #connections = 0
  #runs = 0

  /** @param overTcp otherwise in memory */
  constructor (t: Test, isNear: boolean, overTcp: boolean) {
    const app = createApp(t, { onError: error => { this.failures.push(String(error)) } })
    this.app = app
    this.isNear = isNear
    for (const compression of COMPRESSIONS) {
      for (const mark of MARKS) {
        const ws = { deflate: DEFLATE[compression], highWaterMark: mark, maxBuffered: MAX_BUFFERED, closeTimeout: 500 }
        app.get<any>(`/${compression}-${mark}/:id`, { ws }, (socket, { params }) => { this.#sockets.set(Number((params as any).id), socket) })
      }
    }
    for (const overflow of OVERFLOWS) for (const size of SIZES) if (overflow !== 'catch-up' || size > 0) this.#declare(overflow, size)
    this.#port = overTcp ? listen(app) : null
  }

  /** It can be published to. */
  async ready (): Promise<void> {
    await this.app.ready()
    await this.#port
  }

  #declare (overflow: Plan['overflow'], size: number): void {
    const number = { type: 'integer' }
    const string = { type: 'string' }
    const key = `${overflow}-${size}`
    this.#topics.set(key, this.app.topic(`/${key.replaceAll(' ', '-')}/:room`, {
      schema: { message: { type: 'object', properties: { topic: number, n: number, text: string, at: string } } },
      ...(size > 0 && { history: { size, ttl: 3_600_000, position: 'at' } }),
      ...(overflow !== 'as the route' && { overflow })
    } as object))
  }

  /** The topics of a run. Where the options of a declaration are the default, they are names that are not declared. */
  targets ({ overflow, history }: Plan): Target[] {
    const run = ++this.#runs
    const { sockets } = this.app
    return Array.from({ length: TOPICS }, (_, i) => {
      if (history === 0 && overflow === 'as the route') {
        const name = `${run} ${i}`
        return {
          subscribe: (socket, options) => socket.subscribe(name, options),
          unsubscribe: socket => socket.unsubscribe(name),
          publish: (message, options) => sockets.publish(name, JSON.stringify(message), options)
        }
      }
      const topic = this.#topics.get(`${overflow}-${history}`)
      const params = { room: `${run}-${i}` }
      return {
        subscribe: (socket, options) => socket.subscribe(topic, params, options),
        unsubscribe: socket => socket.unsubscribe(topic, params),
        publish: (message, options) => topic.publish(params, message, options)
      }
    })
  }

  async connect (route: string): Promise<Pick<Line, 'id' | 'peer' | 'socket'>> {
    const id = ++this.#connections
    const url = `/${route}/${id}`
    const peer = await (this.#port === null ? this.#connectInMemory(url) : connect(await this.#port, url))
    await until(() => this.#sockets.has(id))
    const socket = this.#sockets.get(id)!
    this.#sockets.delete(id)
    return { id, peer, socket }
  }

  async #connectInMemory (url: string): Promise<WebSocket> {
    const [near, far] = [0, 1].map(() => new DuplexEnd({ allowHalfOpen: true, highWaterMark: UNREAD })) as [DuplexEnd, DuplexEnd]
    near.other = far
    far.other = near
    far.onOpen = () => {}
    Registry.of(this.app).connect(far)
    const peer = new WebSocket(`ws://localhost${url}`, { createConnection: () => near as Duplex as any })
    await new Promise((resolve, reject) => { peer.once('open', resolve).once('error', reject) })
    return peer
  }
}

/** Carries out a plan, and then looks whether everybody got what they should. */
export async function carryOut (place: Place, plan: Plan): Promise<void> {
  await place.ready()
  const run = new Run(place, plan)
  for (const step of plan.steps) await run.take(step)
  await run.end()
}

class Run {
  readonly #place: Place
  readonly #plan: Plan
  readonly #targets: Target[]
  readonly #logs: TopicLog[]
  readonly #lines: Line[] = []
  /** By client: the connection that it has, and what it has last seen of each topic. */
  readonly #current = new Map<number, Line>()
  readonly #stands = new Map<string, Position>()
  readonly #facts: Fact[] = []
  readonly #faults: string[] = []
  readonly #answers: Array<Promise<unknown>> = []
  readonly #isCalm: boolean

  constructor (place: Place, plan: Plan) {
    this.#place = place
    this.#plan = plan
    this.#targets = place.targets(plan)
    this.#logs = this.#targets.map(() => new TopicLog(plan.history))
    const published = plan.steps.reduce((sum, step) => sum + (step.do === 'publish' ? (step.size + 100) * step.times : 200), 0)
    this.#isCalm = plan.mark > CALM && published < CALM && plan.steps.every(step => step.do !== 'stall')
  }

  async take (step: Step): Promise<void> {
    switch (step.do) {
      case 'subscribe': return await this.#subscribe(step)
      case 'publish': return this.#publish(step)
      case 'unsubscribe': return this.#unsubscribe(step)
      case 'wait': return await turns(step.turns)
    }
    const line = this.#current.get(step.client)
    if (line === undefined) return
    if (step.do === 'stall') line.peer.pause()
    else if (step.do === 'read') line.peer.resume()
    else if (step.do === 'send') this.#send(line)
    else this.#leave(line, 'disconnected')
  }

  /** Everybody reads on and gets what they have not, and one more message; then all leave, and nothing is left of them. */
  async end (): Promise<void> {
    for (const { peer } of this.#lines) peer.resume()
    await Promise.all(this.#answers)
    await this.#settle(this.#plan.overflow === 'drop' ? [] : [...this.#targets.keys()])
    for (const topic of this.#targets.keys()) {
      this.#publish({ do: 'publish', topic, size: 0, times: 1, except: 'nobody', id: null })
      await Promise.all(this.#answers)
      await this.#settle([topic])
    }
    for (const line of this.#lines) line.peer.terminate()
    const { sockets } = this.#place.app
    await until(() => sockets.size === 0 && Object.values(sockets.stats().topics).every(one => one.topics === 0 && one.subscriptions === 0))
    check({
      plan: this.#plan,
      logs: this.#logs,
      visits: this.#lines,
      faults: [...this.#faults, ...this.#place.failures.splice(0)],
      isCalm: this.#isCalm,
      isNear: this.#place.isNear
    })
  }

  async #line (client: number): Promise<Line> {
    const known = this.#current.get(client)
    if (known !== undefined) return known
    const { compression, mark } = this.#plan
    const ends = await this.#place.connect(`${compression}-${mark}`)
    const line: Line = { ...ends, client, sessions: [], seen: [], current: new Map(), code: null }
    this.#lines.push(line)
    this.#current.set(client, line)
    line.peer.on('message', data => { this.#see(line, JSON.parse(data.toString())) })
    line.peer.once('close', code => {
      line.code ??= code
      this.#leave(line, 'closed')
    })
    return line
  }

  #see (line: Line, message: { fact: number } | { topic: number, n: number, at?: Position }): void {
    const seen: Seen = 'fact' in message ? this.#facts[message.fact]! : { is: 'message', ...message, at: message.at }
    line.seen.push(seen)
    if (seen.is === 'message' && seen.at !== undefined) this.#stands.set(`${line.client} ${seen.topic}`, seen.at)
    if (seen.is === 'begin' && !seen.beginning.recovered) this.#stands.set(`${line.client} ${seen.session.topic}`, seen.beginning.at)
  }

  #tell ({ socket }: Line, fact: Fact): void {
    if (socket.state === 'open') socket.send(JSON.stringify({ fact: this.#facts.push(fact) - 1 }))
  }

  #since (client: number, topic: number, since: Do<'subscribe'>['since']): string | null {
    const { acknowledged, entries } = this.#logs[topic]!
    switch (since) {
      case 'last': return this.#stands.get(`${client} ${topic}`) ?? null
      case 'acknowledged': return acknowledged
      case 'first': return entries[0]?.at ?? null
      case 'nonsense': return 'x'
      case 'nothing': return null
    }
  }

  async #subscribe (step: Do<'subscribe'>): Promise<void> {
    const { client, topic, named, begin } = step
    const line = await this.#line(client)
    const { socket, current } = line
    if (current.has(topic)) return
    const log = this.#logs[topic]!
    const since = this.#since(client, topic, step.since)
    const session: Session = {
      topic, name: named ? `name ${client}` : `connection ${line.id}`, since, hasBegin: begin !== null,
      calledAt: log.length, resolvedAt: 0, answer: null, at: null, error: null, end: 'none', endedAt: Infinity
    }
    line.sessions.push(session)
    current.set(topic, session)
    this.#tell(line, { is: 'subscribe', session })
    const answer = this.#targets[topic]!.subscribe(socket, {
      ...(since !== null && { since }),
      ...(named && { as: session.name }),
      ...(begin !== null && { begin: async (beginning: Beginning) => {
        session.at = beginning.at
        this.#tell(line, { is: 'begin', session, beginning, length: log.length })
        await turns(begin)
      } })
    })
    this.#answers.push(answer.then(
      beginning => {
        session.answer = beginning
        session.at ??= beginning.at
        session.resolvedAt = log.length
      },
      error => {
        session.error = error.code
        // The server may have closed it already.
        if (socket.state !== 'open') this.#leave(line, 'closed')
      }
    ))
  }

  #unsubscribe ({ client, topic }: Do<'unsubscribe'>): void {
    const line = this.#current.get(client)
    const session = line?.current.get(topic)
    if (line === undefined) return
    const was = this.#targets[topic]!.unsubscribe(line.socket)
    if (line.socket.state !== 'open') return
    if (was !== (session !== undefined)) this.#faults.push(`unsubscribe() from topic ${topic} returned ${was}`)
    if (session === undefined) return
    this.#close(line, session, 'unsubscribed')
    this.#tell(line, { is: 'unsubscribe', session })
  }

  #publish ({ topic, size, times, except, id }: Do<'publish'>): void {
    const log = this.#logs[topic]!
    const [kind, client] = [except.split(' ')[0], Number(except.split(' ')[1])]
    const line = kind === 'socket' ? this.#current.get(client) : undefined
    const name = kind === 'name' ? except : line === undefined ? null : line.current.get(topic)?.name ?? `connection ${line.id}`
    const options = {
      ...(name !== null && { except: line?.socket ?? name }),
      ...(id !== null && this.#plan.history > 0 && { id: `${id}` })
    }
    for (let i = 0; i < times; i++) {
      const entry = log.publish(name, options.id ?? null)
      const message = { topic, n: entry.n, text: 'x'.repeat(size) }
      this.#answers.push(this.#targets[topic]!.publish(message, options).then(
        ({ at }) => { this.#acknowledge(log, entry, at) },
        error => { this.#faults.push(`publish() rejected with ${error}`) }
      ))
    }
  }

  #acknowledge (log: TopicLog, entry: Entry, at: Position): void {
    if (!log.acknowledge(entry, at)) this.#faults.push(`${entry.n} has the positions ${entry.at} and ${at}`)
  }

  #send (line: Line): void {
    const published = this.#logs.map((log, topic) => line.current.get(topic)?.answer?.recovered === false ? log.length : 0)
    this.#tell(line, { is: 'send', published })
  }

  #leave (line: Line, end: 'disconnected' | 'closed'): void {
    for (const session of line.current.values()) this.#close(line, session, end)
    if (this.#current.get(line.client) === line) this.#current.delete(line.client)
    if (end === 'disconnected') {
      line.code = 1006
      line.peer.terminate()
    }
  }

  #close (line: Line, session: Session, end: Session['end']): void {
    session.end = end
    session.endedAt = this.#logs[session.topic]!.length
    line.current.delete(session.topic)
  }

  /** Waits until nothing is on its way and everybody has the last message of these topics. What has not come in time is missing. */
  async #settle (topics: number[]): Promise<void> {
    const end = performance.now() + PATIENCE
    while (performance.now() < end && this.#lines.some(line => this.#isWaiting(line, topics))) await turn()
    await turns(3)
  }

  #isWaiting ({ current, seen, socket }: Line, topics: number[]): boolean {
    return [...current.values()].some(({ topic, name, at }) => {
      if (socket.bufferedAmount > 0) return true
      const last = at === null || !topics.includes(topic) ? undefined : this.#logs[topic]!.last(at, name)
      return last !== undefined && seen.findLast(one => one.is === 'message' && one.topic === topic && one.n === last) === undefined
    })
  }
}
