/* Many clients, in a process of their own. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { Random } from '../differential/random.ts'
import { type Follow, type Followed, Follower } from './follower.ts'
import { answer } from './ipc.ts'
import type { Report, Visit } from './visit.ts'
import { Visitor } from './visitor.ts'
import type { Target } from './wire.ts'

/** How often, in milliseconds, it is looked whether all is done. */
const LOOK = 20

export interface Begin {
  target: Target
  visits: Visit[]
  follows: Follow[]
  seed: number
  /** How long the clients that stay may take to connect, in milliseconds from now. */
  patience: number
}

export interface EndOrder {
  /** Those that stay begin to end within so many milliseconds. */
  within: number
  /** What has not ended so many milliseconds later is reset. */
  patience: number
  /** By room: the message that a follower is to have got before it ends. */
  goals: number[]
}

export interface Outcome {
  reports: Report[]
  followed: Followed[]
  /** The longest time, in milliseconds, in which this process did nothing for any client. */
  stuck: number
}

export interface ClientQuestions {
  /** Resolves when all clients that stay are connected, or have failed to. */
  begin (begin: Begin): Promise<void>
  /** Those that are to be deaf do not read any more. */
  deafen (): void
  /** Resolves when all clients are gone. */
  end (order: EndOrder): Promise<Outcome>
}

let visitors: Visitor[] = []
let followers: Follower[] = []
let random: Random
const delays = monitorEventLoopDelay()

/** Whether it became true in time. */
async function within (patience: number, isTrue: () => boolean): Promise<boolean> {
  const end = performance.now() + patience
  while (!isTrue()) {
    if (performance.now() >= end) return false
    await wait(LOOK)
  }
  return true
}

const questions: ClientQuestions = {
  async begin ({ target, visits, follows, seed, patience }) {
    delays.reset()
    delays.enable()
    random = new Random(seed)
    visitors = visits.map(visit => new Visitor(visit, target, seed))
    followers = follows.map(follow => new Follower(follow, target, seed))
    for (const one of [...visitors, ...followers]) void one.run()
    const staying = visitors.filter(({ visit }) => visit.stays)
    await within(patience, () => staying.every(visitor => visitor.isSettled))
  },
  deafen () {
    for (const visitor of visitors) visitor.deafen()
  },
  async end ({ within: span, patience, goals }) {
    for (const visitor of visitors) setTimeout(() => visitor.dismiss(), random.int(span))
    for (const follower of followers) follower.dismiss(goals)
    await within(span + patience, () => [...visitors, ...followers].every(({ report }) => report.ended))
    // As it stands: what is cut from here on is no end that the client has seen.
    const reports = visitors.map(({ report }) => structuredClone(report))
    const followed = followers.map(({ report }) => structuredClone(report))
    const stuck = delays.max / 1e6
    delays.disable()
    for (const one of [...visitors, ...followers]) one.giveUp()
    return { reports, followed, stuck }
  }
}
answer<ClientQuestions>(questions)
process.on('disconnect', () => { process.exit() })
