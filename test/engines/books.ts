import type { Follower, Received } from './follower.ts'
import type { Attempt, Made } from './publisher.ts'

/** No command may take longer, in milliseconds, whatever the engine does; but a process can do nothing while it is not let. */
const LONGEST = 5000

function name ({ from, n }: { from: string, n: number }): string {
  return `${from}:${n}`
}

/** What was acknowledged, by the names of the messages. */
export function acknowledged (made: Made[]): Set<string> {
  return new Set(made.flatMap(({ from, attempts }) => attempts.filter(({ error }) => error === null).map(({ n }) => name({ from, n }))))
}

export function refused (made: Made[]): Attempt[] {
  return made.flatMap(({ attempts }) => attempts.filter(({ error }) => error !== null))
}

/** How long the slowest answer took. */
export function slowest (made: Made[]): number {
  return Math.max(0, ...made.flatMap(({ attempts }) => attempts.map(({ began, ended }) => ended - began)))
}

/** Whether every attempt has an answer, soon enough, and a refusal is one of a backplane. */
export function answerFaults (made: Made[]): string[] {
  return made.flatMap(({ from, attempts, away }) => attempts.flatMap(({ n, began, ended, error }) => {
    const faults = []
    if (ended === 0) faults.push(`${name({ from, n })} had no answer`)
    if (ended - began >= LONGEST + away) faults.push(`${name({ from, n })} took ${ended - began} ms`)
    if (error !== null && error !== 'FST_ERR_WS_BACKPLANE') faults.push(`${name({ from, n })}: ${error}`)
    return faults
  }))
}

/** Whether a client has got everything that was acknowledged, once, and nothing that was never published. */
export function deliveryFaults (made: Made[], followers: Follower[], isComplete = true): string[] {
  const all = new Set(made.flatMap(({ from, attempts }) => attempts.map(({ n }) => name({ from, n }))))
  const due = acknowledged(made)
  return followers.flatMap((follower, index) => {
    const faults: string[] = []
    const seen = new Set<string>()
    for (const entry of follower.received) {
      const key = name(entry)
      if (seen.has(key)) faults.push(`follower ${index} got ${key} twice`)
      if (!all.has(key)) faults.push(`follower ${index} got ${key}, which nobody has published`)
      seen.add(key)
    }
    const missing = isComplete ? [...due].filter(key => !seen.has(key)) : []
    if (missing.length > 0) faults.push(`follower ${index} missed ${missing.length}: ${missing.slice(0, 5)}`)
    return faults
  })
}

/** Whether each publisher's messages came in the order in which it has published them. */
export function publisherOrderFaults (followers: Follower[]): string[] {
  return followers.flatMap((follower, index) => follower.parts.flatMap(part => {
    const last = new Map<string, number>()
    return part.flatMap(({ from, n }) => {
      const before = last.get(from) ?? -1
      last.set(from, n)
      return n > before ? [] : [`follower ${index} got ${from}:${n} behind ${before}`]
    })
  }))
}

/**
 * Whether all have seen one sequence, without holes: what follows a message is the same for everybody, except where a part ends.
 */
export function sequenceFaults (followers: Follower[]): string[] {
  const next = new Map<string, string>()
  return followers.flatMap((follower, index) => follower.parts.flatMap(part => part.slice(1).flatMap((entry, i) => {
    const [before, key] = [name(part[i]!), name(entry)]
    const known = next.get(before) ?? key
    next.set(before, known)
    return known === key ? [] : [`follower ${index} got ${key} behind ${before}, where another got ${known}`]
  })))
}

/** Whether what two of them have both got came in the same order, whatever else they have missed. */
export function orderFaults (followers: Follower[]): string[] {
  const first = new Map(followers[0]!.received.map((entry, index) => [name(entry), index]))
  return followers.slice(1).flatMap(({ received }, index) => {
    const places = received.map(entry => first.get(name(entry))).filter(place => place !== undefined)
    return places.every((place, i) => i === 0 || place > places[i - 1]!) ? [] : [`follower ${index + 1} had another order`]
  })
}

/** What was refused, having been published while the engine stood still, and was received all the same. */
export function lateFaults (made: Made[], followers: Follower[], stopped: number, wentOn: number): string[] {
  const late = new Set(made.flatMap(({ from, attempts }) => attempts
    .filter(({ began, ended, error }) => error !== null && began > stopped && ended < wentOn)
    .map(({ n }) => name({ from, n }))))
  return followers.flatMap(({ received }, index) =>
    received.filter((entry: Received) => late.has(name(entry))).map(entry => `follower ${index} got ${name(entry)}, which was refused`))
}

/** Whether all have everything that was acknowledged. */
export function haveAll (made: Made[], followers: Follower[]): boolean {
  const due = acknowledged(made)
  return followers.every(follower => {
    const seen = new Set(follower.received.map(name))
    return seen.size >= due.size && [...due].every(key => seen.has(key))
  })
}

/** A few of them, for a test to show. */
export function few (faults: string[]): string[] {
  return faults.slice(0, 5)
}
