import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'tap'
import { startChild } from './child.ts'
import { runChecks } from './run.ts'
import type { Abilities } from './visit.ts'

const NODE = process.env.NODE_NEWEST ?? process.execPath

const CAN: Abilities = {
  fragments: false,
  ping: false,
  closeWithoutCode: true,
  compresses: false,
  declinesDeflate: false
}

test("Node's own WebSocket", async t => {
  const version = spawnSync(NODE, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout?.trim() ?? 'missing'
  // That of Node 22 never says `close` when it has failed a handshake.
  if (!(parseInt(version) >= 24)) {
    t.fail(`${NODE} is ${version}: install Node 24 or later and name its executable in NODE_NEWEST`)
    return
  }
  const script = join(import.meta.dirname, 'node-client.js')
  await runChecks(t, { can: CAN, refusal: 'error', visit: startChild(t, NODE, script) })
})
