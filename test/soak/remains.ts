import { readdirSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { resourceFaults } from './checks.ts'
import type { Remains } from './server.ts'
import type { Soak } from './soak.ts'
import { PATIENCE } from './times.ts'

const LOOK = 100

/**
 * What the heap may grow by for each connection that was opened: less than a small object in a list takes. A whole
 * connection takes 3,500.
 */
const BYTES_PER_CONNECTION = 64
/**
 * And once, for code that is compiled later than in the first round: it was half of this, and did not grow with the
 * rounds. So 100 bytes that leak with each connection are found in the five minutes of the long form, 400 in the short.
 */
const BYTES_ONCE = 1024 * 1024
/** Node, or what remembers the latest handshake, may still know the latest connections. */
const HELD_AT_MOST = 10

/** What a server that has nothing to do holds. */
export interface Holdings {
  resources: string[]
  /** Null where there is no /proc. */
  descriptors: number | null
  remains: Remains
  opened: number
}

function countDescriptors (pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return null
  }
}

async function holdings ({ server }: Soak): Promise<Holdings> {
  const remains = await server.ask('remains')
  const { stats } = await server.ask('figures')
  return {
    resources: await server.ask('resources'),
    descriptors: countDescriptors(server.pid),
    remains,
    opened: stats.opened
  }
}

/** As it is when it has settled: refused clients have some time to leave. */
async function settled (soak: Soak, isSettled: (holdings: Holdings) => boolean): Promise<Holdings> {
  const end = performance.now() + PATIENCE
  let now = await holdings(soak)
  while (!isSettled(now) && performance.now() < end) {
    await wait(LOOK)
    now = await holdings(soak)
  }
  return now
}

/** What the server holds when it has served its first connections. */
export async function firstHoldings (soak: Soak): Promise<Holdings> {
  return await settled(soak, ({ resources }) => !resources.includes('TCPSocketWrap'))
}

export async function checkHoldings (soak: Soak, before: Holdings): Promise<Holdings> {
  const now = await settled(soak, now => handleFaults(before, now).length === 0)
  const { findings } = soak
  findings.add('no handle is left: getActiveResourcesInfo(), /proc/PID/fd', 1, 'rounds', handleFaults(before, now))
  const { held } = now.remains
  findings.add(`ended sockets and their requests are collected, but for ${HELD_AT_MOST} at most`, 1, 'rounds',
    held > HELD_AT_MOST ? [`${held} are still held`] : [])
  return now
}

function handleFaults (before: Holdings, now: Holdings): string[] {
  const faults = resourceFaults(before.resources, now.resources)
  if (before.descriptors !== null && now.descriptors! > before.descriptors) {
    faults.push(`${now.descriptors} file descriptors, ${before.descriptors} before`)
  }
  return faults
}

export function checkMemory ({ findings }: Soak, before: Holdings, now: Holdings): void {
  const opened = now.opened - before.opened
  const grown = now.remains.heap - before.remains.heap
  const allowed = BYTES_ONCE + opened * BYTES_PER_CONNECTION
  const check = `the heap has grown by ${BYTES_PER_CONNECTION} B for each connection and 1 MiB at most`
  const fault = `by ${grown.toLocaleString('en')} bytes, ${Math.round(grown / opened)} for each`
  findings.add(check, opened, 'connections', grown > allowed ? [fault] : [])
}
