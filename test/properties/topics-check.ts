import type { Plan } from './topics-plan.ts'
import { type Fact, type Seen, seqOf, type Session, type TopicLog, type Visit } from './topics-log.ts'

/** What one run has come to. */
export interface Story {
  readonly plan: Plan
  readonly logs: readonly TopicLog[]
  readonly visits: readonly Visit[]
  /** What must not be, found meanwhile. */
  readonly faults: readonly string[]
  /** Nobody ever had to wait for anything but the engine. */
  readonly isCalm: boolean
  /** The engine announces what is published at once. */
  readonly isNear: boolean
}

/** What a subscription has got since `begin` was called, or since it began. */
interface Stretch {
  readonly session: Session
  /** The position that it begins at; null: nothing may come yet. */
  at: string | null
  readonly got: number[]
}

/** @throws an error that tells what happened, if something is not as it should be */
export function check (story: Story): void {
  const faults = [...story.faults, ...story.visits.flatMap((visit, i) => new Reading(story, visit).faults.map(fault => `connection ${i}: ${fault}`))]
  if (faults.length > 0) throw new Error(`${faults.join('\n')}\n\n${told(story)}`)
}

/** Reads what one client got. */
class Reading {
  readonly faults: string[] = []
  readonly #story: Story
  /** By topic; undefined: it is not subscribed. */
  readonly #stretches: Array<Stretch | undefined> = []

  constructor (story: Story, visit: Visit) {
    this.#story = story
    for (const one of visit.seen) this.#read(one)
    for (const stretch of this.#stretches) if (stretch !== undefined) this.#end(stretch, false)
    for (const session of visit.sessions) this.#checkAnswer(session)
    const codes = story.isCalm ? [null, 1000, 1006] : [null, 1000, 1006, 1013]
    if (!codes.includes(visit.code)) this.#fault(`closed with ${visit.code}`)
  }

  #fault (text: string): void {
    this.faults.push(text)
  }

  #read (one: Seen): void {
    switch (one.is) {
      case 'subscribe': {
        const { session } = one
        this.#stretches[session.topic] = { session, at: session.hasBegin ? null : session.answer?.at ?? null, got: [] }
        return
      }
      case 'begin': return this.#begin(one)
      case 'unsubscribe': {
        this.#end(this.#stretches[one.session.topic]!, false)
        this.#stretches[one.session.topic] = undefined
        return
      }
      case 'send': return this.#send(one.published)
      case 'message': return this.#message(one)
    }
  }

  #begin ({ session, beginning: { recovered, at }, length }: Extract<Fact, { is: 'begin' }>): void {
    const { topic } = session
    const log = this.#story.logs[topic]!
    const before = this.#stretches[topic]
    if (before?.session !== session) return this.#fault(`begin of topic ${topic} for another subscription`)
    if (before.at !== null) {
      const last = before.got.at(-1)
      const stood = last === undefined ? before.at : log.entries[last - 1]!.at
      if (recovered || log.knows(stood, length)) this.#fault(`begin of topic ${topic} again, behind ${last ?? 'nothing'} of ${length}`)
      this.#end(before, true)
    }
    this.#checkBeginning(session, recovered, at, before.at === null, length)
    this.#stretches[topic] = { session, at, got: [] }
  }

  #checkBeginning ({ topic, since, calledAt }: Session, recovered: boolean, at: string, isFirst: boolean, length: number): void {
    if (!isFirst) return
    const log = this.#story.logs[topic]!
    if (recovered && at !== since) this.#fault(`topic ${topic} begins at ${at}, not at ${since}`)
    if (recovered && !log.knows(since, calledAt)) this.#fault(`topic ${topic} recovers ${since}, which was not known any more`)
    if (!recovered && since !== null && log.knows(since, length)) this.#fault(`topic ${topic} does not recover ${since}`)
  }

  #checkAnswer (session: Session): void {
    const { topic, answer, error, end, hasBegin, resolvedAt } = session
    if (answer !== null && !hasBegin) this.#checkBeginning(session, answer.recovered, answer.at, true, resolvedAt)
    if (error !== null && end === 'none') this.#fault(`subscribe() to topic ${topic} rejected with ${error}`)
    if (answer === null && error === null) this.#fault(`subscribe() to topic ${topic} has not ended`)
  }

  #message ({ topic, n, at }: Extract<Seen, { is: 'message' }>): void {
    const stretch = this.#stretches[topic]
    const { entries } = this.#story.logs[topic]!
    if (stretch === undefined) return this.#fault(`${n} of topic ${topic}, without a subscription`)
    if (stretch.at === null) return this.#fault(`${n} of topic ${topic} before its beginning`)
    if (at !== undefined && at !== entries[n - 1]?.at) this.#fault(`${n} of topic ${topic} with the position ${at}, not ${entries[n - 1]?.at}`)
    stretch.got.push(n)
  }

  /** Everything of this stretch has come. */
  #end ({ session, at, got }: Stretch, isLost: boolean): void {
    const { topic, name, end, endedAt, since, answer } = session
    if (at === null) return
    const { overflow } = this.#story.plan
    const wanted = this.#story.logs[topic]!.expected(at, name)
    // Of what is published while `begin` runs, 'latest' only keeps the newest.
    const mayMiss = overflow === 'latest' || (overflow === 'drop' && !this.#story.isCalm)
    const isRight = mayMiss ? isPart(got, wanted) : got.every((n, i) => n === wanted[i])
    if (!isRight) this.#fault(`${show(got)} of topic ${topic}, not ${show(wanted)}${mayMiss ? ' or a part of it' : ''}`)
    else if (!isLost && end === 'none' && got.at(-1) !== wanted.at(-1)) this.#fault(`${show(got)} of topic ${topic}, without the end of ${show(wanted)}`)
    // Also what was published right before it left.
    const isSteady = !mayMiss && this.#story.isCalm && this.#story.isNear && since === null && answer !== null
    const due = wanted.filter(n => n <= endedAt).length
    if (isSteady && end === 'unsubscribed' && got.length !== due) this.#fault(`${show(got)} of topic ${topic}, and then it left: ${due} were due`)
  }

  /** What was published before something was sent has come before that. */
  #send (published: number[]): void {
    const { isCalm, isNear, plan } = this.#story
    if (!isCalm || !isNear || plan.overflow === 'latest') return
    for (const [topic, length] of published.entries()) {
      const stretch = this.#stretches[topic]
      if (stretch === undefined || stretch.at === null) continue
      const due = this.#story.logs[topic]!.expected(stretch.at, stretch.session.name).filter(n => n <= length).length
      if (stretch.got.length < due) this.#fault(`a send() overtook what was published to topic ${topic}: ${show(stretch.got)} of ${length}`)
    }
  }
}

/** In the same order. */
function isPart (some: number[], all: number[]): boolean {
  let i = 0
  return some.every(n => {
    i = all.indexOf(n, i) + 1
    return i > 0
  })
}

/** 1-3 5 for 1, 2, 3 and 5. */
function show (numbers: number[]): string {
  const runs: Array<[number, number]> = []
  for (const n of numbers) {
    const last = runs.at(-1)
    if (last !== undefined && n === last[1] + 1) last[1] = n
    else runs.push([n, n])
  }
  return runs.length === 0 ? 'nothing' : runs.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(' ')
}

/** What happened, for whoever reads a counterexample. */
function told ({ logs, visits }: Story): string {
  const published = logs.map(({ entries }, topic) => {
    const names = [...new Set(entries.map(({ except }) => except))]
    const each = names.map(name => {
      const numbers = entries.filter(({ except }) => except === name).map(({ n }) => n)
      return `${show(numbers)}${name === null ? '' : ` to all but ${name}`}`
    })
    return `topic ${topic}: ${each.join(', ')}`
  })
  const got = visits.map(({ client, seen, code }, i) => {
    const how = code === null ? '' : `, ended with ${code}`
    return [`connection ${i}, client ${client}${how}`, ...shortened(seen, logs)].join('\n  ')
  })
  return [...published, ...got].join('\n')
}

function shortened (seen: readonly Seen[], logs: Story['logs']): string[] {
  const lines: string[] = []
  let numbers: number[] = []
  for (const [i, one] of seen.entries()) {
    if (one.is === 'message') {
      numbers.push(one.n)
      const next = seen[i + 1]
      if (next?.is === 'message' && next.topic === one.topic) continue
      lines.push(`${one.topic}: ${show(numbers)}`)
      numbers = []
    } else {
      lines.push(one.is === 'send' ? 'a message of its own' : `${one.session.topic}: ${inWords(one, logs[one.session.topic]!)}`)
    }
  }
  return lines
}

function inWords (fact: Exclude<Fact, { is: 'send' }>, { entries }: TopicLog): string {
  /** Behind so many messages. */
  const stands = (at: string | null) => {
    return at === null ? 'nothing' : at === 'x' ? 'nonsense' : `${entries.filter(({ seq }) => seq <= seqOf(at)!).length}`
  }
  const { since, name, answer } = fact.session
  switch (fact.is) {
    case 'begin': return `begin, ${fact.beginning.recovered ? 'recovered' : 'not recovered'}, behind ${stands(fact.beginning.at)}`
    case 'unsubscribe': return 'unsubscribed'
    case 'subscribe': return `subscribed as ${name} since ${stands(since)}: ` +
      (answer === null ? 'refused' : `${answer.recovered ? 'recovered' : 'not recovered'}, behind ${stands(answer.at)}`)
  }
}
