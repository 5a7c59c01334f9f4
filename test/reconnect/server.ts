/* A feed in a process of its own, which can be killed. */
import { answer } from '../soak/ipc.ts'
import { Feed } from './feed.ts'
import type { Heartbeat } from './times.ts'

export interface ServerQuestions {
  listen (where: { port?: number, host?: string, heartbeat: Heartbeat }): Promise<number>
  publish (n: number): Promise<string>
  /** When each socket came, by the clock of the machine. */
  arrivals (): number[]
  size (): number
  /** Milliseconds that `app.close()` took. */
  close (): Promise<number>
}

let feed!: Feed

answer<ServerQuestions>({
  listen ({ port, host, heartbeat }) {
    feed = new Feed({ heartbeat })
    return feed.listen(port, host)
  },
  publish: async n => (await feed.publish(n, '')).at,
  arrivals: () => feed.arrivals,
  size: () => feed.app.sockets.size,
  async close () {
    const start = performance.now()
    await feed.app.close()
    return performance.now() - start
  }
})
process.on('SIGTERM', () => { void feed.app.close().then(() => { process.exit() }) })
process.on('disconnect', () => { process.exit() })
