import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Socket, SocketOptions } from 'fastify-sockets'
import type { Test } from 'tap'
import { createApp } from '../support/app.ts'
import { connectionCount, frameText } from '../support/handshakes.ts'
import { TEXT } from '../support/opcodes.ts'
import { plainNode } from '../support/plain-node.ts'
import { RawClient } from '../support/raw-client.ts'
import { listenTo, type Served } from '../support/serve.ts'
import { until } from '../support/until.ts'

export { held, heldSince } from '../support/garbage.ts'

export const KIB = 1024
export const MIB = 1024 * KIB

/**
 * What scripts begin with that measure memory in a process of their own, where nothing else takes any: `held()`, `turn()`,
 * and what connects to a server.
 */
export const MEASURING = `
  // As from Node 25 on.
  Buffer.poolSize = 64 * 1024
  const { once } = require('node:events')
  const { connect } = require('node:net')
  const { setFlagsFromString } = require('node:v8')
  const { runInNewContext } = require('node:vm')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const turn = () => new Promise(setImmediate)
  function held () {
    for (let i = 0; i < 3; i++) collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
`

/** Starts a server in a process of its own, which ends with the test. It says its port first. */
export async function startServer (t: Test, script: string): Promise<{ child: ChildProcess, port: number }> {
  const child = spawn(...plainNode(join(import.meta.dirname, script)), { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  const exit = once(child, 'exit')
  t.teardown(() => {
    child.kill()
    return exit
  })
  const [port] = await once(child, 'message')
  return { child, port }
}

export interface Besieged extends Served {
  /** A client that keeps the rules is connected all the while, and is served. */
  othersAreServed (): Promise<void>
  /** The same, and nothing is left of the hostile peers: no socket and no TCP connection. */
  isOver (): Promise<void>
}

export interface Siege {
  ws?: SocketOptions
  server?: FastifyServerOptions
  /** Further options of the route. */
  route?: Record<string, unknown>
  /** Declares further routes. */
  declare?: (app: FastifyInstance) => void
}

/** Serves `handler` at `/` to hostile peers, and an echo at `/other` to a client that keeps the rules. */
export async function besieged (
  t: Test, handler: (socket: Socket<any, any>) => unknown, { ws = {}, server = {}, route = {}, declare }: Siege = {}
): Promise<Besieged> {
  const app = createApp(t, {}, server)
  app.get('/', { ...route, ws }, handler as any)
  declare?.(app)
  app.get('/other', { ws: true }, socket => { socket.on('message', message => socket.send(message)) })
  const served = await listenTo(t, app)
  const other = await RawClient.open(served.port, '/other')
  t.teardown(() => other.destroy())
  let asked = 0
  async function othersAreServed (): Promise<void> {
    const question = `question ${++asked}`
    other.send(TEXT, question)
    t.equal(await frameText(other), question)
  }
  async function isOver (): Promise<void> {
    await until(async () => app.sockets.size === 1 && await connectionCount(app) === 1)
    await othersAreServed()
  }
  return { ...served, othersAreServed, isOver }
}

/** Writes the bytes and waits for the end of the connection: the status of each response that came, in order. */
export async function statuses (port: number, bytes: string | Uint8Array): Promise<number[]> {
  const client = new RawClient(port)
  client.write(bytes)
  await client.end()
  return statusesIn(client.received)
}

/** The status of every HTTP response in the bytes. */
export function statusesIn (received: Buffer): number[] {
  return [...received.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3})/g)].map(match => Number(match[1]))
}
