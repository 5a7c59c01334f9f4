import type { Test } from 'tap'
import { CHECKS } from './checks.ts'
import { DEFLATE_CHECKS } from './deflate-checks.ts'
import { meeting } from './meeting.ts'
import { type Server, type ServerOptions, startServer } from './server.ts'
import type { Client } from './visit.ts'

/** Has a client do all that it can with our server. */
export async function runChecks (t: Test, client: Client, server: ServerOptions = {}): Promise<void> {
  await runChecksWith(t, client, await startServer(t, server))
}

/** The same with a server that runs already, or with what stands in front of it. */
export async function runChecksWith (t: Test, client: Client, server: Server): Promise<void> {
  const meet = meeting(server, client)
  for (const { name, needs, run } of [...CHECKS, ...DEFLATE_CHECKS]) {
    if (needs === undefined || client.can[needs]) await t.test(name, async t => { await run(t, meet, client) })
  }
}
