import { readFileSync } from 'node:fs'

/** Files that the server has open without any connection, with a margin. */
const OTHER_FILES = 200

/** Those that come and go are there as well. */
function mostByFiles (): number {
  const { open_files: { soft } } = (process.report.getReport() as any).userLimits
  return soft === 'unlimited' ? Infinity : Math.floor((Number(soft) - OTHER_FILES) / 1.5)
}

/**
 * All clients come from one address. Of its ports Linux takes every other one first; once those are used up, also by
 * earlier connections in TIME_WAIT, each connect() takes milliseconds (7 were measured), and its process is stuck.
 */
function mostByPorts (): number {
  try {
    const [low, high] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number)
    return Math.floor((high! - low!) * 0.3)
  } catch {
    return Infinity
  }
}

/** As many connections at one time as this machine can have. */
export function fitting (connections: number): number {
  const files = mostByFiles()
  const ports = mostByPorts()
  const most = Math.min(files, ports)
  if (connections <= most) return connections
  const why = files < ports ? 'ulimit -n' : 'net.ipv4.ip_local_port_range'
  console.log(`Only ${most.toLocaleString('en')} connections, not ${connections.toLocaleString('en')}: see ${why}.`)
  return most
}
