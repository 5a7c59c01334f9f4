import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'tap'
import { startChild } from './child.ts'
import { runChecks } from './run.ts'
import type { Abilities } from './visit.ts'

const PYTHON = process.env.PYTHON ?? '/usr/bin/python3'
/** It is not compiled, and stays among the sources. */
const SCRIPT = join(import.meta.dirname, '../../../test/interop/client.py')

const CAN: Abilities = {
  fragments: true,
  ping: true,
  closeWithoutCode: false,
  toleratesNoProtocol: true,
  compresses: true,
  declinesDeflate: true
}

test('websockets for Python', async t => {
  const { status } = spawnSync(PYTHON, ['-c', 'import websockets'])
  if (status !== 0) {
    t.fail(`${PYTHON} has no websockets: apt-get install python3-websockets, or name another python3 in PYTHON`)
    return
  }
  await runChecks(t, { can: CAN, refusal: 'HTTP 401', visit: startChild(t, PYTHON, SCRIPT) })
})
