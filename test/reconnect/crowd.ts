/* Many clients, or one, in a process of its own. */
import type { ClientOptions, ClientSocket } from '../../lib/client/types.ts'
import { answer } from '../soak/ipc.ts'
import { until } from '../support/until.ts'
import { BUILDS, type BuildName } from './builds.ts'
import { Witness } from './witness.ts'

export interface CrowdQuestions {
  /** Resolves when all are open. */
  connect (what: { build: BuildName, url: string, count: number, options: ClientOptions }): Promise<void>
  /** How many are open. */
  open (): number
  /** Of the first one: the last message, and how its connections have ended, each with the time. */
  story (): { last: number, lost: number, faults: string[], changes: Array<{ state: string, at: number, code?: number, error?: string, delay: number }> }
}

const sockets: ClientSocket[] = []
const changes: Array<{ state: string, at: number, code?: number, error?: string, delay: number }> = []
let witness: Witness

answer<CrowdQuestions>({
  async connect ({ build, url, count, options }) {
    const client = BUILDS[build](url, options)
    for (let i = 0; i < count; i++) {
      const socket = client.connect('/json', { query: ({ since }: { since?: string }) => ({ id: `${i}`, since }) })
      sockets.push(socket)
      if (i > 0) continue
      witness = new Witness(socket, 0, () => true, null)
      socket.on('state', (state, { reason, delay }) => {
        changes.push({ state, at: Date.now(), code: reason?.code, error: (reason?.error as { code?: string } | null | undefined)?.code, delay })
      })
    }
    await until(() => sockets.every(({ state }) => state === 'open'))
  },
  open: () => sockets.filter(({ state }) => state === 'open').length,
  story: () => ({ last: witness.last, lost: witness.lost, faults: witness.faults, changes })
})
process.on('disconnect', () => { process.exit() })
