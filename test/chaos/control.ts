/* A process that has nothing to do: what it is late with is the machine's doing. */
import { answer } from '../soak/ipc.ts'
import { serveAlive } from './alive.ts'

export interface ControlQuestions {
  alive (): Promise<number>
}

answer<ControlQuestions>({ alive: serveAlive })
process.on('disconnect', () => { process.exit() })
