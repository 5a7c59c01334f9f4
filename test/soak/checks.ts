import type { Followed } from './follower.ts'
import type { Entry } from './ledger.ts'
import { reach, type Runs, show } from './runs.ts'
import type { End, Report, Visit } from './visit.ts'

/** One connection as planned, as its client saw it, and as the server did: more than one entry would be a fault. */
export interface Case {
  visit: Visit
  report: Report
  entries: Entry[]
}

/** Code, cleanness and initiator as the server is to report them. */
type ServerEnd = [code: number, wasClean: boolean, initiator: 'local' | 'remote']

interface Expectation {
  server: ServerEnd
  /** The code that the client sees; null where it sees none. */
  client: number | null
  /** Every message that was sent has been received. */
  allReceived: boolean
  /** And every one has come back. */
  allEchoed: boolean
}

const CUT_BY_PEER: ServerEnd = [1006, false, 'remote']
const ENDS: Record<Exclude<End, 'refused'>, Expectation> = {
  close: { server: [1000, true, 'remote'], client: 1000, allReceived: true, allEchoed: true },
  'close-early': { server: [1000, true, 'remote'], client: 1000, allReceived: true, allEchoed: false },
  told: { server: [1000, true, 'local'], client: 1000, allReceived: true, allEchoed: true },
  fin: { server: CUT_BY_PEER, client: 1006, allReceived: true, allEchoed: false },
  reset: { server: CUT_BY_PEER, client: 1006, allReceived: false, allEchoed: false },
  silent: { server: [1006, false, 'local'], client: null, allReceived: false, allEchoed: false },
  abandon: { server: CUT_BY_PEER, client: null, allReceived: false, allEchoed: false },
  shutdown: { server: [1001, true, 'local'], client: 1001, allReceived: false, allEchoed: false },
  deaf: { server: [1001, false, 'local'], client: null, allReceived: false, allEchoed: false }
}

function name ({ visit: { id, client, route, end } }: Case): string {
  return `client ${id} (${client}, ${route}, ${end})`
}

/** Whether the clients could do what they were to. */
export function clientFaults (one: Case): string[] {
  const { visit: { end }, report: { opened, ended, error, status, closeCode } } = one
  if (end === 'refused') return status === 401 && ended ? [] : [`${name(one)}: status ${status} instead of 401`]
  if (end === 'abandon') return []
  if (!opened) return [`${name(one)} could not connect: ${error ?? `status ${status}`}`]
  const { client } = ENDS[end]
  if (client === null) return []
  if (!ended) return [`${name(one)}: the connection did not end`]
  return closeCode === client ? [] : [`${name(one)}: the client saw ${closeCode}, not ${client}`]
}

/** Whether the server has seen each connection begin and end once, and end as it did. */
export function endFaults (one: Case): string[] {
  const { visit: { end }, report: { opened }, entries } = one
  const least = opened ? 1 : 0
  const most = opened || end === 'abandon' ? 1 : 0
  if (entries.length < least || entries.length > most) {
    return [`${name(one)}: the handler was called ${entries.length} times`]
  }
  return entries.flatMap(({ ends }) => {
    if (ends.length !== 1) return [`${name(one)}: 'close' was emitted ${ends.length} times`]
    const { code, wasClean, initiator } = ends[0]!
    const seen = JSON.stringify([code, wasClean, initiator])
    const expected = JSON.stringify(end === 'refused' ? null : ENDS[end].server)
    return seen === expected ? [] : [`${name(one)}: it ended with ${seen} for the server, not ${expected}`]
  })
}

/** Whether the server's handler got each message once and in order, and all that were acknowledged. */
export function messageFaults (one: Case): string[] {
  const { visit: { end }, report: { sent, echoed, garbled }, entries } = one
  const runs: Runs = entries.flatMap(({ received }) => received)
  const received = reach(runs)
  const acknowledged = reach(echoed)
  const faults = []
  if (received === null) faults.push(`the server received ${show(runs)}`)
  if (acknowledged === null) faults.push(`the client got back ${show(echoed)}`)
  if (garbled > 0) faults.push(`${garbled} messages came back changed`)
  if (received !== null && acknowledged !== null) {
    const counts = `of ${sent} sent ${received} were received, ${acknowledged} acknowledged`
    const { allReceived, allEchoed } = end === 'refused' ? ENDS.abandon : ENDS[end]
    const isRight = acknowledged <= received && received <= sent &&
      (!allReceived || received === sent) && (!allEchoed || acknowledged === sent)
    if (!isRight) faults.push(counts)
  }
  return faults.map(fault => `${name(one)}: ${fault}`)
}

/** Whether a follower got everything. */
export function followFaults ({ follow: { id, client, room }, last, faults, ended }: Followed): string[] {
  const all = ended ? faults : [...faults, `it has not got what came behind ${last}`]
  return all.map(fault => `follower ${id} (${client}) of room ${room}: ${fault}`)
}

/** What there is more of than before. */
export function resourceFaults (before: string[], after: string[]): string[] {
  const count = (all: string[], kind: string) => all.filter(one => one === kind).length
  return [...new Set(after)].flatMap(kind => {
    const more = count(after, kind) - count(before, kind)
    return more > 0 ? [`${more} ${kind} more than before`] : []
  })
}
