/* Runs one known attack against a server of its own. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Attack } from './attacks.ts'
import type { Host } from './host.ts'
import type { Report } from './round.ts'

/** How long an attack may take, its sockets to go, and the app to close, in milliseconds. */
const WITHIN = 10_000
const GONE = 6000
const CLOSED = 9000

/** @returns how many faults it has found */
export async function runAttack (host: Host, attack: Attack, onFault: Report): Promise<number> {
  let found = 0
  const report: Report = (kind, detail) => {
    found++
    host.isSpoilt = true
    onFault(kind, detail)
  }
  host.onFault = report
  const over = async (): Promise<void> => { while (!host.isOver) await wait(20, null, { ref: false }) }
  try {
    const port = await host.ask('serve', attack.name)
    const attacked = attack.run({ port, transport: attack.transport })
    const leave = await Promise.race([attacked, over(), wait(WITHIN, null, { ref: false })])
    if (leave === null) report('the attack did not come to its end', '')
    if (attack.stays !== true) {
      leave?.()
      await gone(host, report, attack.patience ?? GONE)
    }
    let took: number | null = null
    const closed = host.ask('close', undefined, 2 * CLOSED).then(time => { took = time }, () => {})
    if (attack.stays === true) leave?.()
    await Promise.race([closed, over(), wait(CLOSED, null, { ref: false })])
    if (took === null && !host.isOver) report('app.close() does not end', `within ${CLOSED} ms`)
  } catch (error) {
    if (!host.isOver) report('the attack could not be run', (error as Error).stack!)
  }
  return found
}

async function gone (host: Host, report: Report, patience: number): Promise<void> {
  let state = await host.ask('state')
  const deadline = performance.now() + patience
  while (state.size > 0 && performance.now() < deadline && !host.isOver) {
    await wait(20)
    state = await host.ask('state')
  }
  if (state.size > 0) report('sockets are left when all clients are gone', state.left.join('; '))
}

