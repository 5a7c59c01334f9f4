import { setTimeout as wait } from 'node:timers/promises'
import type { Pace, Visits } from './plan.ts'
import { checkCases, joined } from './round.ts'
import type { Soak } from './soak.ts'
import { CLOSE_TIMEOUT, MARGIN, PATIENCE } from './times.ts'

/** The end of the server, with clients that are connected and talk. */
export async function shutDown (soak: Soak, visits: Visits, { opening, talking }: Pace): Promise<void> {
  const { server, clients, findings } = soak
  await soak.begin(visits, {}, opening)
  await wait(talking)
  const { size: connections } = await server.ask('figures')
  await Promise.all([clients.raw.ask('deafen'), clients.ws.ask('deafen')])
  const took = await Promise.race([server.ask('close'), wait(PATIENCE, null, { ref: false })])
  const limit = CLOSE_TIMEOUT + MARGIN
  const spent = took === null ? `has not ended after ${PATIENCE} ms` : `took ${Math.round(took)} ms`
  findings.add(`app.close() ends within ${limit} ms, with clients that do not answer`, connections, 'connections',
    took === null || took > limit ? [`it ${spent}`] : [])
  const { reports } = await soak.end(['raw', 'ws'], { within: 1, patience: MARGIN, goals: [] })
  const cases = await joined(soak, visits, reports)
  checkCases(soak, cases)
  if (took !== null) await checkExit(soak)
  const deaf = cases.filter(({ visit }) => visit.end === 'deaf').length
  console.log(`shutdown: ${connections.toLocaleString('en')} connections, ${deaf} of them deaf; app.close() ${spent}`)
}

async function checkExit ({ server, findings }: Soak): Promise<void> {
  server.disconnect()
  const how = await Promise.race([server.exit, wait(MARGIN, 'still there', { ref: false })])
  findings.add('then nothing keeps the process of the server alive', 1, 'processes',
    how === 0 ? [] : [how === 'still there' ? how : `it ended with ${how}`])
}
