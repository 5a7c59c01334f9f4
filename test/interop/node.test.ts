import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import { selfSigned } from '../support/certificate.ts'
import { startChild } from './child.ts'
import { runChecks } from './run.ts'
import type { ServerOptions } from './server.ts'
import type { Abilities } from './visit.ts'

const NODE = process.env.NODE_NEWEST ?? process.execPath

const CAN: Abilities = {
  fragments: false,
  ping: false,
  closeWithoutCode: true,
  compresses: false,
  declinesDeflate: false
}

async function visit (t: Test, server: ServerOptions): Promise<void> {
  const version = spawnSync(NODE, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout?.trim() ?? 'missing'
  // That of Node 22 never says `close` when it has failed a handshake, that of Node 24 does not know HTTP/2.
  if (!(parseInt(version) >= 26)) {
    t.fail(`${NODE} is ${version}: install Node 26 or later and name its executable in NODE_NEWEST`)
    return
  }
  const script = join(import.meta.dirname, 'node-client.js')
  // The certificate is the test's own.
  const child = startChild(t, NODE, script, { NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' })
  await runChecks(t, { can: CAN, refusal: 'error', visit: child }, server)
}

test("Node's own WebSocket", t => visit(t, {}))

test("Node's own WebSocket over HTTP/2", async t => {
  await visit(t, { http2: true, https: { ...await selfSigned(), allowHTTP1: true } })
})
