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

const CHOSEN = process.env.ENGINE ?? 'redis'

/** The same test on Redis, or on what `ENGINE` says (`redis`, `nats` or `all`); some tests are always run on each. */
export function onEachEngine (what: string, run: (t: Test, engine: EngineKind) => Promise<unknown>, { always = false } = {}): void {
  for (const engine of ENGINES) {
    if (!always && CHOSEN !== 'all' && CHOSEN !== engine.name) continue
    test(`${engine.name}: ${what}`, t => run(t, engine))
  }
}
