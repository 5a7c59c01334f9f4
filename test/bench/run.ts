import { setTimeout as wait } from 'node:timers/promises'
import { check } from './checks/check.ts'
import { kindOf, type Load, nameOf } from './load.ts'
import { LIMIT, type Measurement, type Timing } from './measurement.ts'
import { ServerProcess } from './server-process.ts'
import type { ServerSpec } from './specs.ts'

export interface Plan extends Timing {
  rounds: number
}

export interface Result extends Measurement {
  /** The name of the load. */
  name: string
  load: Load
  unit: string
  server: string
  options: object
  /** Half of what lies between the lowest and the highest round, as a share of the median. */
  spread: number
  /** Whether the generator had so much to do that the figure may be its own. */
  limited: boolean
  rounds: Measurement[]
}

/** Time for a server to notice that its clients are gone. */
const PAUSE = 50
/** A server that has just been started has its code compiled first: seconds, at most. */
const FIRST_WARM_UP = 1

export function median (values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  return Number.isInteger(half) ? (sorted[half - 1]! + sorted[half]!) / 2 : sorted[Math.floor(half)]!
}

function summarize (server: ServerSpec, load: Load, rounds: Measurement[]): Result {
  const keys = Object.keys(rounds[0]!) as Array<keyof Measurement>
  const medians = Object.fromEntries(keys.map(key => [key, median(rounds.map(round => round[key]!))]))
  const { value, generatorCpu = 0 } = medians as unknown as Measurement
  const values = rounds.map(round => round.value)
  return {
    name: nameOf(load),
    load,
    unit: kindOf(load).unit,
    server: server.name,
    options: server.options,
    value,
    ...medians,
    spread: value === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / 2 / value,
    limited: generatorCpu >= LIMIT,
    rounds
  }
}

/** Measures in turns, so that what else the machine does meets all of them. */
async function inTurns (
  load: Load, servers: ServerSpec[], rounds: number, once: (server: ServerSpec, round: number) => Promise<Measurement>
): Promise<Result[]> {
  const measured = new Map<ServerSpec, Measurement[]>(servers.map(server => [server, []]))
  for (let round = 0; round < rounds; round++) {
    for (const server of servers) {
      measured.get(server)!.push(await once(server, round))
      await wait(PAUSE)
    }
  }
  return [...measured].map(([server, measurements]) => summarize(server, load, measurements))
}

async function withServers<T> (
  specs: ServerSpec[], load: Load, use: (servers: Map<ServerSpec, ServerProcess>) => Promise<T>
): Promise<T> {
  const starting = await Promise.allSettled(specs.map(spec => ServerProcess.start(spec, load)))
  const servers = starting.flatMap(start => start.status === 'fulfilled' ? [start.value] : [])
  try {
    for (const start of starting) if (start.status === 'rejected') throw start.reason
    for (const server of servers) await check(server, load)
    return await use(new Map(servers.map(server => [server.spec, server])))
  } finally {
    await Promise.all(servers.map(server => server.stop()))
  }
}

async function measure (server: ServerProcess, load: Load, timing: Timing): Promise<Measurement> {
  try {
    return await kindOf(load).measure(server, load, timing)
  } catch (error) {
    throw new Error(`${server.name} failed with ${nameOf(load)}`, { cause: error })
  }
}

/** All servers with one load, each in a process that has served no other load. */
export async function runLoad (load: Load, specs: ServerSpec[], plan: Plan): Promise<Result[]> {
  if (kindOf(load).isFresh === true) {
    return await inTurns(load, specs, plan.rounds, async spec => {
      return await withServers([spec], load, async servers => await measure(servers.get(spec)!, load, plan))
    })
  }
  return await withServers(specs, load, async servers => await measureInTurns(load, servers, plan))
}

async function measureInTurns (load: Load, servers: Map<ServerSpec, ServerProcess>, plan: Plan): Promise<Result[]> {
  const first = { ...plan, warmUp: Math.min(FIRST_WARM_UP, plan.warmUp * 4) }
  return await inTurns(load, [...servers.keys()], plan.rounds, async (spec, round) => {
    return await measure(servers.get(spec)!, load, round === 0 ? first : plan)
  })
}

/** Several loads with the same processes. */
export async function runLoads (loads: Load[], specs: ServerSpec[], plan: Plan, each: () => void): Promise<Result[]> {
  return await withServers(specs, loads[0]!, async servers => {
    const results = []
    for (const load of loads) {
      results.push(...await measureInTurns(load, servers, plan))
      each()
    }
    return results
  })
}
