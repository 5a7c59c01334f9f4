import { readFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import type { Load } from './load.ts'
import { versions } from './peers.ts'
import { redisVersion } from './redis-server.ts'
import { PACKAGES } from './specs.ts'

export interface Machine {
  date: string
  cpu: string
  cores: number
  system: string
  node: string
  /** Of the servers and what they are made of. */
  versions: Record<string, string>
}

export function machine (): Machine {
  const own = (name: string): string => {
    return JSON.parse(readFileSync(new URL(import.meta.resolve(`${name}/package.json`)), 'utf8')).version
  }
  const redis = redisVersion()
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]!.model.trim(),
    cores: cpus().length,
    system: `${type()} ${release()}`,
    node: process.version,
    versions: {
      'fastify-sockets': own('fastify-sockets'),
      fastify: own('fastify'),
      ...versions(PACKAGES),
      ioredis: own('ioredis'),
      ...redis === null ? {} : { redis }
    }
  }
}

/** CPU time that the whole machine has spent. */
export function busySeconds (): number {
  let busy = 0
  for (const { times: { user, nice, sys, irq } } of cpus()) busy += user + nice + sys + irq
  return busy / 1000
}

/** Files that are open without any connection, with a margin. */
const OTHER_FILES = 200

/** As many connections as this process and its servers may have open. Node.js has raised the limit already. */
function mostConnections (): number {
  const { open_files: { soft } } = (process.report.getReport() as any).userLimits
  const files = soft === 'unlimited' ? Infinity : Number(soft) - OTHER_FILES
  // Only Linux has more addresses for loopback than one.
  return process.platform === 'linux' ? files : Math.min(files, portsPerAddress())
}

function portsPerAddress (): number {
  try {
    const [low, high] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number)
    return Math.floor((high! - low!) * 0.8)
  } catch {
    // What RFC 6335 §6 calls dynamic.
    return Math.floor((65535 - 49152) * 0.8)
  }
}

const PORTS = portsPerAddress()

/** Where the nth connection to a server comes from, so that there are ports enough. */
export function addressFor (n: number): string {
  return `127.0.0.${1 + Math.floor(n / PORTS)}`
}

/** The load with no more connections than this machine lets it open. */
export function fitting (load: Load): Load {
  if (!('connections' in load)) return load
  const connections = Math.min(load.connections, mostConnections())
  if (connections < load.connections) {
    console.error(`only ${connections} connections instead of ${load.connections}: see ulimit -n`)
  }
  return { ...load, connections }
}
