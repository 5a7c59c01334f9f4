import type { Test } from 'tap'
import { CHECKS } from './checks.ts'
import { DEFLATE_CHECKS } from './deflate-checks.ts'
import { meeting } from './meeting.ts'
import { type ServerOptions, startServer } from './server.ts'
import type { Client } from './visit.ts'

/** Has a client do all that it can with our server. */
export async function runChecks (t: Test, client: Client, server: ServerOptions = {}): Promise<void> {
  const meet = meeting(await startServer(t, server), client)
  for (const { name, needs, run } of [...CHECKS, ...DEFLATE_CHECKS]) {
    if (needs === undefined || client.can[needs]) await t.test(name, async t => { await run(t, meet, client) })
  }
}
