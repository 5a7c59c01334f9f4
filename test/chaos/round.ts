/* One round: a server with its options, clients that come and go, others that stay, and the end of the app. */
import { setTimeout as wait } from 'node:timers/promises'
import { resourceFaults } from '../soak/checks.ts'
import { Client, type Crowd } from './client.ts'
import type { Host } from './host.ts'
import { type ClientPlan, LOSES_SESSIONS, planRound, type RoundPlan } from './plan.ts'
import type { Remains, State } from './server.ts'
import { COMING, swarm } from './swarm.ts'
import { Witness } from './witness.ts'

/** When every client has come to its end, at the latest; what is there then is cut. All in milliseconds. */
const GONE = 5000
/** After which the server cuts a client that was refused, or that stays on a session of HTTP/2 when all is done. */
const LINGER = 5000
/** How long it may take to notice that all clients are gone. */
const NOTICED = LINGER + 1500
/** What a busy machine may add to any limit. */
const MARGIN = 3000
const LOOK = 50

/** Node, or what remembers the latest handshake, may still know the latest connections. */
const HELD_AT_MOST = 10
/**
 * What the memory may grow by from the first round of a process to any other: code, and buffers that are kept for all.
 * After 15 rounds the heap has grown by 10 MB, and grows no more.
 */
const GROWTH = { heap: 12 * 1024 * 1024, external: 12 * 1024 * 1024 }

/** What a process held before its first round, and after it. */
export interface Before {
  resources: string[]
  remains: Remains | null
}

/** Tells of what does not hold. */
export type Report = (kind: string, detail: string) => void

export interface Outcome {
  plan: RoundPlan
  state: State | null
  echoed: number
  closeTook: number | null
  remains: Remains | null
}

export class Round {
  readonly plan: RoundPlan
  readonly #host: Host
  readonly #before: Before
  readonly #report: Report
  #crowd!: Crowd
  #clients: Client[] = []
  /** What clients have done last. */
  readonly #notes: string[] = []
  readonly #start = performance.now()

  /** @param only the clients that take part; null: all */
  constructor (host: Host, seed: number, only: number[] | null, before: Before, report: Report) {
    this.#host = host
    this.#before = before
    this.#report = report
    const plan = planRound(seed)
    const chosen = (all: ClientPlan[]) => only === null ? all : all.filter(({ id }) => only.includes(id))
    this.plan = {
      ...plan, clients: chosen(plan.clients), stayers: chosen(plan.stayers), latecomers: chosen(plan.latecomers)
    }
    host.onFault = (kind, detail) => this.#tell(kind, detail)
  }

  async run (): Promise<Outcome> {
    const { plan } = this
    const outcome: Outcome = { plan, state: null, echoed: 0, closeTook: null, remains: null }
    try {
      const port = await this.#host.ask('serve', plan.seed)
      this.#crowd = {
        target: { port, transport: plan.transport },
        sessions: new Map(),
        manners: { obeysGoaway: plan.obeysGoaway, keepsWindows: true },
        note: (id, what) => this.#note(id, what),
        fault: text => this.#report(kindOf(text), text)
      }
      const listening = await this.#host.ask('resources')
      await this.#visit()
      await this.#allGone(listening)
      outcome.closeTook = await this.#close()
      outcome.state = await this.#host.ask('state')
      for (const fault of outcome.state.faults) this.#report(kindOf(fault), fault)
      outcome.remains = await this.#checkRemains()
    } catch (error) {
      // What ended the process has been told already.
      if (!this.#host.isOver) this.#report('the round did not end', (error as Error).stack!)
    }
    outcome.echoed = this.#clients.reduce((sum, { echoed }) => sum + echoed, 0)
    this.#giveUp()
    return outcome
  }

  /** Clients come and go while another one sees that it is served. */
  async #visit (): Promise<void> {
    const witness = new Witness(this.#crowd.target, text => this.#report(kindOf(text), text))
    const visits = this.plan.clients.map(client => this.#come(client))
    const limit = this.plan.clients.some(({ kind }) => kind === 'swarm') ? COMING + GONE : GONE
    await Promise.race([Promise.all(visits), this.#over(), wait(limit, null, { ref: false })])
    this.#giveUp()
    await witness.leave()
  }

  async #come (plan: ClientPlan): Promise<void> {
    if (plan.kind === 'swarm') {
      await swarm(plan, this.#crowd)
      return
    }
    const client = new Client(plan, this.#crowd)
    this.#clients.push(client)
    await client.run()
  }

  async #allGone (listening: string[]): Promise<void> {
    let state = await this.#host.ask('state')
    const handles = async (): Promise<string[]> => LOSES_SESSIONS && this.plan.transport.startsWith('http2') ? []
      : resourceFaults(listening, await this.#host.ask('resources'))
    let more = await handles()
    const deadline = performance.now() + NOTICED
    while ((state.size > 0 || more.length > 0) && performance.now() < deadline) {
      await wait(LOOK)
      state = await this.#host.ask('state')
      more = await handles()
    }
    const { size, open, opened, closed } = state
    if (size > 0) this.#tell('sockets are left when all clients are gone', `${size}: ${state.left.join('; ')}`)
    else if (open !== 0 || opened !== closed) this.#report('stats() does not add up', JSON.stringify(state))
    if (size === 0 && more.length > 0) this.#tell('handles are left when all clients are gone', more.join(', '))
  }

  /** @returns milliseconds that `app.close()` took; null: it did not end */
  async #close (): Promise<number | null> {
    const { drain, stayers, latecomers } = this.plan
    for (const plan of stayers) void this.#come(plan)
    await wait(300)
    const limit = drain.timeout + LINGER + MARGIN
    let took: number | null = null
    const closed = this.#host.ask('close', undefined, limit + 2 * MARGIN).then(time => { took = time }, () => {})
    for (const plan of latecomers) void this.#come(plan)
    await Promise.race([closed, this.#over(), wait(limit, null, { ref: false })])
    const inTime = took !== null
    this.#giveUp()
    if (!inTime && !this.#host.isOver) {
      await Promise.race([closed, wait(MARGIN, null, { ref: false })])
      this.#report(`app.close() does not end within ${LINGER + MARGIN} ms of drain.timeout over ${this.plan.transport}`,
        took === null ? 'nor when all clients had gone' : 'it did when all clients had gone')
      if (took === null) throw new Error('the app is not closed')
    }
    return took
  }

  async #checkRemains (): Promise<Remains> {
    const { resources } = this.#before
    let more = resourceFaults(resources, await this.#host.ask('resources'))
    let remains = await this.#host.ask('remains')
    const deadline = performance.now() + NOTICED
    while ((more.length > 0 || remains.held > HELD_AT_MOST) && performance.now() < deadline) {
      await wait(LOOK)
      more = resourceFaults(resources, await this.#host.ask('resources'))
      remains = await this.#host.ask('remains')
    }
    if (more.length > 0) this.#report('handles are left after app.close()', more.join(', '))
    if (remains.held > HELD_AT_MOST) this.#report('ended sockets or requests are not collected', `${remains.held}`)
    const first = this.#before.remains ??= remains
    for (const kind of ['heap', 'external'] as const) {
      const grown = remains[kind] - first[kind]
      if (grown > GROWTH[kind]) this.#report(`memory grows: ${kind}`, `by ${grown.toLocaleString('en')} bytes since the first round`)
    }
    return remains
  }

  #giveUp (): void {
    for (const client of this.#clients) client.giveUp()
    for (const session of this.#crowd?.sessions.values() ?? []) session.vanish()
  }

  async #over (): Promise<void> {
    while (!this.#host.isOver) await wait(LOOK, null, { ref: false })
  }

  /** Of what is the server's fault, and not one client's. */
  #tell (kind: string, detail: string): void {
    this.#report(kind, `${detail}\nthe clients, last:\n${this.#notes.join('\n')}`)
  }

  #note (id: number, what: string): void {
    const plan = [...this.plan.clients, ...this.plan.stayers, ...this.plan.latecomers].find(one => one.id === id)
    this.#notes.push(`${Math.round(performance.now() - this.#start)} ms: client ${id} (${plan?.kind}, ${plan?.route.path}) ${what}`)
    if (this.#notes.length > 12) this.#notes.shift()
  }
}

/** What is the same in faults of the same kind. */
export function kindOf (fault: string): string {
  return fault.replace(/^client \d+.*?: /, '').replace(/\d+/g, 'N').slice(0, 90)
}
