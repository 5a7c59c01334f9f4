import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { Child } from '../soak/ipc.ts'
import type { CrowdQuestions } from './crowd.ts'
import { RoughRelay } from './rough-relay.ts'
import type { ServerQuestions } from './server.ts'
import type { Scenario, Stage } from './stage.ts'

const CLIENTS = 1000
/** Nobody is asked: 1,000 answers at one time would be another test. */
const HEARTBEAT = { interval: 60_000, timeout: 60_000 }

export function startServer (stage: Stage): Child<ServerQuestions> {
  const child = new Child<ServerQuestions>('../reconnect/server', 'a server')
  stage.defer(() => child.kill('SIGKILL'))
  return child
}

export function startCrowd (stage: Stage, within: string[] = []): Child<CrowdQuestions> {
  const child = new Child<CrowdQuestions>('../reconnect/crowd', 'the clients', [], within)
  stage.defer(() => child.kill('SIGKILL'))
  return child
}

async function gather (stage: Stage, port: number): Promise<void> {
  const crowds = [startCrowd(stage), startCrowd(stage)]
  const what = { build: 'node', url: `ws://127.0.0.1:${port}`, count: CLIENTS / 2, options: {} } as const
  await Promise.all(crowds.map(crowd => crowd.ask('connect', what)))
}

/** How many of the times lie within the same second, at most, wherever that begins; and how long it is from first to last. */
function density (times: number[]): { most: number, lasted: number } {
  const sorted = times.toSorted((a, b) => a - b)
  let most = 0
  for (let first = 0, i = 0; i < sorted.length; i++) {
    while (sorted[i]! - sorted[first]! >= 1000) first++
    most = Math.max(most, i - first + 1)
  }
  return { most, lasted: sorted.at(-1)! - sorted[0]! }
}

async function arrivals (server: Child<ServerQuestions>, patience: number): Promise<number[]> {
  for (const end = performance.now() + patience; ;) {
    const times = await server.ask('arrivals')
    if (times.length >= CLIENTS) return times
    assert.ok(performance.now() < end, `${times.length} of ${CLIENTS} have come`)
    await wait(250)
  }
}

export const herds: Scenario[] = [{
  name: `${CLIENTS} clients whose server goes away with 1001 come back over 15 s`,
  async run (stage) {
    const [old, next] = [startServer(stage), startServer(stage)]
    const [from, to] = await Promise.all([old, next].map(server => server.ask('listen', { heartbeat: HEARTBEAT })))
    const relay = await RoughRelay.to(from!)
    stage.defer(() => relay.close())
    await gather(stage, relay.port)
    // The next server is there before the old one goes, as in a rolling restart.
    relay.target = to!
    const took = await old.ask('close')
    const { most, lasted } = density(await arrivals(next, 25_000))
    stage.say(`app.close() took ${took.toFixed(0)} ms; at most ${most} within a second, over ${(lasted / 1000).toFixed(1)} s`)
    // A tenth in the mean of seconds, and room for chance: any second is looked at, wherever it begins.
    assert.ok(most <= CLIENTS / 10 + 15, `${most} came within a second`)
    assert.ok(lasted > 12_000, `all within ${lasted} ms`)
  }
}, {
  name: `${CLIENTS} clients whose server is killed and away for 3 s`,
  async run (stage) {
    const old = startServer(stage)
    const port = await old.ask('listen', { heartbeat: HEARTBEAT })
    await gather(stage, port)
    const next = startServer(stage)
    await next.ask('size').catch(() => {})
    old.kill('SIGKILL')
    await wait(3000)
    await next.ask('listen', { heartbeat: HEARTBEAT, port })
    const { most, lasted } = density(await arrivals(next, 40_000))
    stage.say(`at most ${most} within a second, over ${(lasted / 1000).toFixed(1)} s`)
    assert.ok(most <= CLIENTS / 2, `${most} came within a second`)
  }
}]
