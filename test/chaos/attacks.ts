/* Attacks that were found once: every run begins with them. Each has a server of its own, which outlives them. */
import { setTimeout as wait } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import sockets, { type PluginOptions, type SocketOptions } from 'fastify-sockets'
import { Ledger } from '../soak/ledger.ts'
import { deflate, RSV1 } from '../support/deflate.ts'
import { masked } from '../support/frames.ts'
import { GOAWAY, http2Frame, uint32 } from '../support/http2-frames.ts'
import { TEXT } from '../support/opcodes.ts'
import type { AnySocket } from './acts.ts'
import { MESSAGE, type Served, serverOptions } from './app.ts'
import { Http2Wire, type Manners, SharedSession } from './http2-wires.ts'
import type { Transport } from './plan.ts'
import { Http1Wire, type Target, type Wire } from './wires.ts'

const NOTHING = Buffer.alloc(0)

export interface Attack {
  name: string
  transport: Transport
  serve (): Promise<Served>
  /** Does its worst. What it returns is done while the app closes, and must leave then. */
  run (target: Target): Promise<() => void>
  /** Whether it stays while the app closes. */
  stays?: boolean
  /** How long, in milliseconds, what it has left to do may keep its sockets: a few seconds otherwise. */
  patience?: number
}

async function serving (
  transport: Transport, ws: SocketOptions, schema: object, handler: (socket: AnySocket) => unknown, options: PluginOptions = {}
): Promise<Served> {
  const app = Fastify(await serverOptions(transport)) as unknown as FastifyInstance
  app.register(sockets, { drain: { timeout: 500 }, ...options })
  app.get('/', { ws, schema }, handler as never)
  return { app, ledger: new Ledger(), faults: [], release: () => {} }
}

/** A socket, when it is open; `session` for one that shares it. */
async function enter (target: Target, offersDeflate = false, session?: SharedSession): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const owner = {
      onAnswer: (accepted: boolean) => { if (accepted) resolve(wire) },
      onBytes: () => {},
      onOver: () => { reject(new Error('the server has ended it')) }
    }
    const wire = session === undefined ? new Http1Wire(target, '/', offersDeflate, NOTHING, owner)
      : new Http2Wire(session, '/', offersDeflate, NOTHING, owner)
  })
}

const numbered = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => masked(TEXT, `{"n":${i},"text":""}`))

/** More than the default `maxQueued` of small messages, and one that is not taken. */
const REFUSED_BEHIND = Buffer.concat([...numbered(900), masked(TEXT, '{')])

/** Takes one message and is then busy for longer than anybody stays; meanwhile it writes. */
async function busy (socket: AnySocket): Promise<void> {
  const timer = setInterval(() => { socket.send('{"still":"there"}') }, 20)
  void socket.closed.then(() => clearInterval(timer))
  for await (const _message of socket) await socket.closed
}

const POLITE: Manners = { obeysGoaway: true, keepsWindows: true }
const STUBBORN: Manners = { obeysGoaway: false, keepsWindows: true }
const STILL = { heartbeat: false } as const
const leave = (session: SharedSession) => () => { session.vanish() }

export const ATTACKS: Attack[] = [
  {
    name: 'refused-behind-full-queue',
    transport: 'http1',
    serve: () => serving('http1', STILL, { message: MESSAGE }, busy),
    async run (target) {
      const wire = await enter(target)
      wire.write(REFUSED_BEHIND)
      await wait(50)
      wire.reset()
      return () => {}
    }
  },
  {
    name: 'refused-behind-full-queue-http2',
    transport: 'http2',
    serve: () => serving('http2', STILL, { message: MESSAGE }, busy),
    async run (target) {
      const session = new SharedSession(target, 65_535, POLITE)
      const wire = await enter(target, false, session)
      wire.write(REFUSED_BEHIND)
      await wait(50)
      wire.reset()
      await wait(50)
      return leave(session)
    }
  },
  {
    name: 'over-rate-behind-full-queue',
    transport: 'http1',
    serve: () => serving('http1', { ...STILL, maxQueued: 1000, limits: { messagesPerSecond: 100 } }, {}, busy),
    async run (target) {
      const wire = await enter(target)
      wire.write(Buffer.concat(numbered(200)))
      await wait(50)
      wire.reset()
      return () => {}
    }
  },
  {
    name: 'greeted-swarm-vanishes',
    transport: 'http2',
    serve: () => serving('http2', { ...STILL, deflate: true }, {}, socket => { socket.send('snapshot '.repeat(3000)) }),
    async run (target) {
      const session = new SharedSession(target, 65_535, POLITE)
      // All at once they would be work enough for Node to be late.
      const deadline = performance.now() + 6000
      for (let i = 0; i < 20 && performance.now() < deadline; i++) {
        await Promise.all(Array.from({ length: 200 }, () => enter(target, true, session).catch(() => {})))
      }
      session.vanish()
      return () => {}
    }
  },
  {
    name: 'bombs-in-one-write',
    transport: 'http1',
    // A gigabyte is inflated before it is seen that the client has left.
    patience: 30_000,
    serve: () => serving('http1', { ...STILL, deflate: true }, {}, socket => { socket.on('message', () => {}) }),
    async run (target) {
      const wire = await enter(target, true)
      const bomb = masked(TEXT, deflate(Buffer.alloc(1_000_000)), { rsv: RSV1 })
      wire.write(Buffer.concat(Array(1000).fill(bomb)))
      await wait(1200)
      return () => { wire.destroy() }
    }
  },
  {
    name: 'connection-error-and-reset',
    transport: 'http2',
    serve: () => serving('http2', STILL, {}, busy),
    async run (target) {
      const session = new SharedSession(target, 65_535, POLITE)
      const wire = await enter(target, false, session)
      wire.violate()
      await wait(20)
      return leave(session)
    }
  },
  {
    name: 'connects-while-closing',
    transport: 'http2',
    stays: true,
    serve: () => serving('http2', STILL, {}, () => {}),
    async run (target) {
      const session = new SharedSession(target, 0, STUBBORN)
      await enter(target, false, session)
      return () => {
        for (const delay of [0, 10, 100, 300]) setTimeout(() => { enter(target, false, session).catch(() => {}) }, delay)
      }
    }
  },
  {
    name: 'goes-away-and-ends-while-closing',
    transport: 'http2',
    stays: true,
    serve: () => serving('http2', STILL, {}, () => {}),
    async run (target) {
      const session = new SharedSession(target, 0, STUBBORN)
      const wires = [await enter(target, false, session), await enter(target, false, session)]
      return () => {
        session.raw.send(http2Frame(GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(0)])))
        for (const wire of wires) {
          wire.end()
          setTimeout(() => wire.reset(), 20)
        }
      }
    }
  }
]
