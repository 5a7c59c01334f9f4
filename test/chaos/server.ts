/* The server, in a process of its own: one app after the other. */
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { answer } from '../soak/ipc.ts'
import { serveAlive } from './alive.ts'
import { createApp, idOf, type Served } from './app.ts'
import { ATTACKS } from './attacks.ts'
import { planRound } from './plan.ts'

export interface State {
  size: number
  open: number
  opened: number
  closed: number
  messagesIn: number
  messagesOut: number
  refused: number
  /** Some of those that are there: which client, on which route, in which state. */
  left: string[]
  /** What handlers have seen, and how connections ended, that must not be. */
  faults: string[]
}

export interface Remains {
  /** Bytes after a full collection: of JavaScript, and of buffers and zlib outside. */
  heap: number
  external: number
  /** Sockets and requests that could not be collected. */
  held: number
}

export interface ServerQuestions {
  alive (): Promise<number>
  /** Serves the app of this round, or of the attack of this name. */
  serve (what: number | string): Promise<number>
  state (): State
  resources (): string[]
  remains (): Promise<Remains>
  /** Milliseconds that `app.close()` took. */
  close (): Promise<number>
}

let served: Served

answer<ServerQuestions>({
  alive: serveAlive,
  async serve (what) {
    served = typeof what === 'number' ? await createApp(planRound(what))
      : await ATTACKS.find(({ name }) => name === what)!.serve()
    await served.app.listen({ host: '127.0.0.1', port: 0 })
    return (served.app.server.address() as AddressInfo).port
  },
  state () {
    const { size } = served.app.sockets
    const { open, opened, closed, messagesIn, messagesOut, refused } = served.app.sockets.stats()
    const left = [...served.app.sockets].slice(0, 8).map(socket => `client ${idOf(socket.request)} on ` +
      `${socket.request.routeOptions.url}: ${socket.state}, ${socket.bufferedAmount} bytes wait to be written`)
    return { size, open, opened, closed, messagesIn, messagesOut, refused, left, faults: served.faults }
  },
  resources: () => process.getActiveResourcesInfo(),
  async remains () {
    for (let i = 0; i < 4; i++) {
      globalThis.gc!()
      await wait(20)
    }
    const { heapUsed, external } = process.memoryUsage()
    return { heap: heapUsed, external, held: served.ledger.held }
  },
  async close () {
    const start = performance.now()
    await served.app.close()
    served.release()
    for (const { id, ends } of served.ledger.take()) {
      if (ends.length !== 1) served.faults.push(`client ${id}: 'close' was emitted ${ends.length} times`)
    }
    return performance.now() - start
  }
})
process.on('disconnect', () => { process.exit(1) })
