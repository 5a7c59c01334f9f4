/* One client with thousands of sockets on one session of HTTP/2. */
import { setTimeout as wait } from 'node:timers/promises'
import { Random } from '../differential/random.ts'
import type { Crowd } from './client.ts'
import { Http2Wire, SharedSession } from './http2-wires.ts'
import { type ClientPlan, SWARM } from './plan.ts'

const AT_ONCE = 400
/** How long they may take to come on a busy machine, in milliseconds. */
export const COMING = 12_000

/** Opens them all, and leaves when most have been answered or enough time has passed. */
export async function swarm (plan: ClientPlan, crowd: Crowd): Promise<void> {
  const { id, count, route, end, offersDeflate, seed } = plan
  const random = new Random(seed)
  const session = new SharedSession(crowd.target, 65_535, crowd.manners)
  crowd.sessions.set(plan.session, session)
  crowd.note(id, `opens ${count} sockets on ${route.path}`)
  const answers = { count: 0 }
  const owner = { onAnswer: () => { answers.count++ }, onBytes: () => {}, onOver: () => {} }
  const wires: Http2Wire[] = []
  const deadline = performance.now() + COMING
  // All at once they would be work enough for Node to be late.
  while (wires.length < count && performance.now() < deadline && !session.isOver) {
    for (let left = Math.min(AT_ONCE, count - wires.length); left > 0; left--) {
      const path = `${route.path}?id=${id * SWARM + wires.length}`
      wires.push(new Http2Wire(session, path, offersDeflate, Buffer.alloc(0), owner))
    }
    while (answers.count < wires.length * 0.9 && performance.now() < deadline && !session.isOver) await wait(2)
  }
  await wait(random.int(20))
  crowd.note(id, `leaves with ${answers.count} answers: ${end}`)
  if (end === 'reset') for (const wire of wires) wire.reset()
  else if (end === 'goaway') session.goAway()
  else session.vanish()
}
