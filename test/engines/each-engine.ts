import { type Test, test } from 'tap'
import { type EngineServer, type Owner, startNats, startRedis } from './servers.ts'

export interface EngineKind {
  name: 'redis' | 'nats'
  /** With data that outlive it. */
  start (t: Owner): Promise<EngineServer>
  /** Whether topics without history have one order for all, and not only one for each publisher. */
  ordersAll: boolean
}

const ENGINES: EngineKind[] = [
  { name: 'redis', start: t => startRedis(t, { aof: 'always' }), ordersAll: true },
  { name: 'nats', start: t => startNats(t), ordersAll: false }
]

/** The same test on each engine; `ENGINE=redis` chooses one, except for tests that are always run on each. */
export function onEachEngine (what: string, run: (t: Test, engine: EngineKind) => Promise<unknown>, { always = false } = {}): void {
  for (const engine of ENGINES) {
    if (!always && (process.env.ENGINE ?? engine.name) !== engine.name) continue
    test(`${engine.name}: ${what}`, t => run(t, engine))
  }
}
