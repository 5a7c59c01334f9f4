import { deepEqual } from 'node:assert/strict'
import * as fc from 'fast-check'
import type { Socket } from 'fastify-sockets'
import type { Test } from 'tap'
import { createApp } from '../support/app.ts'
import { delayEngines, turns } from '../support/late-engine.ts'
import { cycle, holds } from './holds.ts'

/*
 * Whoever comes and goes with however many sockets, and however late the engine answers: each member joins, leaves, joins again,
 * and in the end those are members who are there.
 */

/** Whose the sockets are. */
const SOCKETS = ['ada', 'ada', 'bob'] as const

const socket = fc.nat({ max: SOCKETS.length - 1 })
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('subscribe' as const), socket }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unsubscribe' as const), socket }) },
  // Of the clock, for the grace period ends by a timer.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), milliseconds: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('turns' as const), turns: fc.nat({ max: 5 }) }) }
)
const steps = fc.array(step, { maxLength: 25, size: 'max' })
type Steps = typeof steps extends fc.Arbitrary<infer All> ? All : never
const delays = fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 5 })

class House {
  readonly #app
  readonly #rooms: any
  readonly #sockets: Array<Socket<any, any>> = []
  #runs = 0

  constructor (t: Test) {
    const app = createApp(t, { identify: request => (request.query as { user: string }).user })
    this.#app = app
    this.#rooms = app.topic('/rooms/:room', {
      history: { size: 1000, ttl: 3_600_000 },
      presence: { grace: 0, announce: ({ type, member }: any) => `${member.id} ${type}` }
    } as object)
    app.get('/', { ws: { onError: () => {} } }, one => { this.#sockets.push(one) })
  }

  async run (steps: Steps): Promise<void> {
    await this.#app.ready()
    while (this.#sockets.length < SOCKETS.length) await this.#app.injectWS<{}>(`/?user=${SOCKETS[this.#sockets.length]}`)
    const room = { room: `${++this.#runs}` }
    const there = new Set<number>()
    for (const one of steps) {
      if (one.do === 'wait') await new Promise(resolve => { setTimeout(resolve, one.milliseconds) })
      else if (one.do === 'turns') await turns(one.turns)
      else this.#move(room, one.do, one.socket, there)
    }
    const wanted = [...new Set([...there].map(i => SOCKETS[i]!))].sort()
    await this.#settles(room, wanted)
    for (const i of there) this.#sockets[i]!.unsubscribe(this.#rooms, room)
    await this.#settles(room, [])
  }

  #move (room: object, what: 'subscribe' | 'unsubscribe', i: number, there: Set<number>): void {
    if (what === 'unsubscribe') {
      this.#sockets[i]!.unsubscribe(this.#rooms, room)
      there.delete(i)
    } else {
      // It rejects for whoever has left in the meantime.
      this.#sockets[i]!.subscribe(this.#rooms, room).catch(() => {})
      there.add(i)
    }
  }

  /** Those are the members, and that is what was told. */
  async #settles (room: object, wanted: string[]): Promise<void> {
    const end = performance.now() + 1000
    let all = await this.#told(room)
    while (JSON.stringify(all.members) !== JSON.stringify(wanted) || JSON.stringify(all.known) !== JSON.stringify(wanted)) {
      if (performance.now() > end) break
      await turns(1)
      all = await this.#told(room)
    }
    deepEqual(all.members, wanted, `members: ${all.members}, told: ${all.changes}`)
    deepEqual(all.known, wanted, `told: ${all.changes}`)
  }

  async #told (room: object) {
    const members: string[] = (await this.#rooms.members(room)).map(({ id }: { id: string }) => id).sort()
    const changes: string[] = (await this.#rooms.history(room)).map(({ message }: { message: string }) => message)
    const known = new Set<string>()
    for (const change of changes) {
      const [who, how] = change.split(' ') as [string, string]
      deepEqual(known.has(who), how === 'left', `told: ${changes}`)
      if (how === 'left') known.delete(who)
      else known.add(who)
    }
    return { members, changes, known: [...known].sort() }
  }
}

holds('members join and leave in turn', 40, t => {
  const house = new House(t)
  return fc.asyncProperty(steps, one => house.run(one))
})

holds('members join and leave in turn, with an engine that answers late', 40, t => {
  let [request, answer] = [() => 0, () => 0]
  t.teardown(delayEngines({ request: () => request(), answer: () => answer(), announcement: () => 0 }))
  const house = new House(t)
  return fc.asyncProperty(steps, delays, delays, async (one, requests, answers) => {
    request = cycle(requests)
    answer = cycle(answers)
    await house.run(one)
  })
})
