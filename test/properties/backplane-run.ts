import assert from 'node:assert/strict'
import type { Clock } from '../support/clock.ts'
import { turns } from '../support/late-engine.ts'
import { FakeStore } from '../backplane/fake-store.ts'
import { Process, type Told } from '../backplane/remote-stage.ts'
import { PROCESSES, type Plan, type Step } from './backplane-plan.ts'

const TOPIC = 'a'
const TTL = 3_600_000

/** A store that writes down what is published to it. */
class WatchedStore extends FakeStore {
  /** What it has been given in its present life: a flush begins another one, and so does an older state. */
  #present: string[] = []
  readonly histories: string[][] = [this.#present]
  readonly positions = new Map<string, string>()

  get newest (): string | undefined {
    return this.#present.at(-1)
  }

  override publish (messages: Parameters<FakeStore['publish']>[0]): string[] {
    const answers = super.publish(messages)
    for (const [i, { bytes, retention }] of messages.entries()) {
      if (retention === null) continue
      const message = Buffer.from(bytes).toString()
      this.#present.push(message)
      this.positions.set(message, answers[i]!)
    }
    return answers
  }

  override flush (): void {
    super.flush()
    this.#begin([])
  }

  override save (): () => void {
    const restore = super.save()
    const saved = [...this.#present]
    return () => {
      restore()
      this.#begin(saved)
    }
  }

  #begin (messages: readonly string[]): void {
    this.#present = [...messages]
    this.histories.push(this.#present)
  }
}

interface Visit {
  readonly process: number
  /** The answer to its subscription. */
  at: string
  told: Told[]
  /** What it published meanwhile. */
  readonly own: string[]
  isEnded: boolean
}

/** Carries out a plan, and looks whether each process was told either everything, or that something was lost. */
export async function carryOut ({ size, turns: each, steps }: Plan, clock: Clock): Promise<void> {
  const store = new WatchedStore()
  const retention = size === 0 ? null : { size, ttl: TTL }
  const processes = Array.from({ length: PROCESSES }, () => new Process(store))
  for (const [i, process] of processes.entries()) {
    await process.engine.open(process)
    process.driver.turns = each[i]!
  }
  let restore: () => void = () => {}
  let count = 0
  let acknowledged = ''
  const isWhole = steps.every(step => !['drop', 'flush', 'restore'].includes(step.do))
  const answers: Array<Promise<unknown>> = []
  const isSubscribed = processes.map(() => false)
  /** What each was told since it subscribed last, and where that began. */
  const visits: Visit[] = []

  function subscribe (i: number): void {
    if (isSubscribed[i]) return
    isSubscribed[i] = true
    const process = processes[i]!
    const visit: Visit = { process: i, at: '', told: [], own: [], isEnded: false }
    visits.push(visit)
    answers.push(process.engine.subscribe(TOPIC, retention).then(({ at }) => {
      if (visit.isEnded) return
      visit.at = at
      visit.told = process.told = []
    }, (error: { code: string }) => {
      assert.equal(error.code, 'FST_ERR_WS_BACKPLANE')
      visits.splice(visits.indexOf(visit), 1)
      if (!visit.isEnded) unsubscribe(i)
    }))
  }

  function unsubscribe (i: number): void {
    if (!isSubscribed[i]) return
    isSubscribed[i] = false
    const process = processes[i]!
    process.engine.unsubscribe(TOPIC)
    for (const visit of visits) if (visit.process === i) visit.isEnded = true
    process.told = []
  }

  function publish (i: number): void {
    const message = `m${++count}`
    visits.find(({ process, at, isEnded }) => process === i && at !== '' && !isEnded)?.own.push(message)
    answers.push(processes[i]!.engine.publish(TOPIC, message, retention, null).then(
      () => { acknowledged = message },
      (error: { code: string }) => { assert.equal(error.code, 'FST_ERR_WS_BACKPLANE') }
    ))
  }

  function read (i: number): void {
    const last = processes[i]!.told.at(-1)
    if (retention === null || last === undefined) return
    answers.push(processes[i]!.engine.read(TOPIC, retention, last.at, 5).then(part => {
      if (part === null) return
      assert.ok(part.messages.every(({ seq }, n) => seq > (part.messages[n - 1]?.seq ?? 0)), 'numbers of what is read rise')
      const texts = part.messages.map(({ message }) => message)
      assert.ok(store.histories.some(history => isRun(texts, history)), `${texts.join(' ')} are no part of a history`)
    }, (error: { code: string }) => { assert.equal(error.code, 'FST_ERR_WS_BACKPLANE') }))
  }

  async function take (step: Step): Promise<void> {
    switch (step.do) {
      case 'publish': for (let n = 0; n < step.times; n++) publish(step.process); return
      case 'subscribe': return subscribe(step.process)
      case 'unsubscribe': return unsubscribe(step.process)
      case 'cut': return processes[step.process]!.driver.goDown()
      case 'connect': return processes[step.process]!.driver.comeUp()
      case 'read': return read(step.process)
      case 'drop': processes[step.process]!.driver.dropping = step.times; return
      // Without a place, nothing tells a message from the same message once more.
      case 'double': if (size > 0) processes[step.process]!.driver.doubling = step.times; return
      case 'refuse': return processes[step.process]!.driver.refuse(step.method)
      case 'flush': return store.flush()
      case 'save': restore = store.save(); return
      case 'restore': return restore()
      case 'wait': return await turns(step.turns)
    }
  }

  /** Whatever was refused is tried again by then, and whatever waits has come to its end. */
  async function settle (): Promise<void> {
    const refusals = steps.filter(step => step.do === 'refuse').length
    for (let n = 0; n < refusals + 2; n++) {
      await turns(40)
      await clock.tickAsync(1000)
    }
  }

  try {
    for (const i of processes.keys()) subscribe(i)
    await turns(6)
    for (const step of steps) await take(step)
    for (const { driver } of processes) {
      driver.comeUp()
      driver.dropping = 0
      driver.doubling = 0
    }
    await settle()
    await Promise.all(answers.splice(0))
    for (const { engine } of processes) assert.equal(engine.state, 'up')
    const last = store.newest
    // If nothing was lost but by cuts, nobody has to wait for another message to learn of those.
    if (isWhole && size > 0 && last !== undefined) for (const visit of visits) check(visit, store, size, last)
    // Otherwise the last one tells. It may be refused, of which without a history nobody learns.
    let tries = 0
    do {
      // Without a history, a process learns by what it publishes next that it was not told of what it has published.
      publish(size === 0 ? tries % PROCESSES : 0)
      await Promise.all(answers.splice(0))
    } while (size === 0 ? ++tries <= PROCESSES * (steps.length + 1) : acknowledged !== `m${count}`)
    await settle()
    for (const visit of visits) check(visit, store, size, `m${count}`)
    for (const [i, process] of processes.entries()) {
      if (!isSubscribed[i]) assert.deepEqual(process.told, [], 'told without a subscription')
    }
  } finally {
    await Promise.all(processes.map(({ engine }) => engine.close()))
  }
}

function check (
  { at, told, own, isEnded }: Visit, { histories, positions }: WatchedStore, size: number, last: string
): void {
  const story = told.map(({ message }) => message ?? '(lost)').join(' ')
  assert.ok(told.every(({ seq }, i) => i === 0 || seq > told[i - 1]!.seq), `numbers do not rise: ${story}`)
  const texts = told.flatMap(({ message }) => message ?? [])
  assert.equal(new Set(texts).size, texts.length, `something was told twice: ${story}`)
  if (size > 0) {
    // Up to a loss, and from there on, everything in the order of the store.
    for (const part of parts(told)) {
      assert.ok(histories.some(history => isRun(part, history)), `${part.join(' ')} are no part of a history: ${story}, since ${at}`)
    }
  } else if (!isEnded) {
    assert.deepEqual(texts.filter(text => own.includes(text)), own, `what it published itself is missing: ${story}`)
  }
  if (!isEnded) {
    // Whoever has subscribed behind it, or has lost it, need not be told.
    const isTold = texts.at(-1) === last || at === positions.get(last) || (size > 0 && told.at(-1)?.message === null)
    assert.ok(isTold, `the last one, ${last}, is missing: ${story}`)
  }
}

/** What was told between two losses. */
function parts (told: readonly Told[]): string[][] {
  const all: string[][] = [[]]
  for (const { message } of told) {
    if (message === null) all.push([])
    else all.at(-1)!.push(message)
  }
  return all
}

/** Whether one is in the other, without a gap. */
function isRun (part: readonly string[], all: readonly string[]): boolean {
  const start = part.length === 0 ? 0 : all.indexOf(part[0]!)
  return start >= 0 && part.every((message, i) => all[start + i] === message)
}
