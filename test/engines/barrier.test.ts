/* Promise 5. */
import { startCluster } from './cluster.ts'
import { Control } from './control.ts'
import { onEachEngine } from './each-engine.ts'

const ROUNDS = 10_000
/** So many topics at a time, each of which is subscribed to, and left, again and again. */
const LANES = 50
/** Milliseconds after which a message has been missed. */
const PATIENCE = 10_000

onEachEngine('what one node publishes as soon as a subscribe has resolved on another arrives, 10,000 times', async (t, engine) => {
  const { nodes } = await startCluster(t, await engine.start(t), { nodes: 2 })
  const arrivals = new Map<number, () => void>()
  const unasked: number[] = []
  const [one, other] = nodes.map(({ port }) => new Control(port, ({ n }) => {
    const arrive = arrivals.get(n)
    if (arrive === undefined) unasked.push(n)
    arrivals.delete(n)
    arrive?.()
  })) as [Control, Control]
  t.teardown(() => {
    one.close()
    other.close()
  })
  let missed = 0
  let rounds = 0
  async function run (lane: number): Promise<void> {
    const [reader, writer] = lane % 2 === 0 ? [one, other] : [other, one]
    const topic = { kind: lane % 4 < 2 ? 'rooms' : 'news', room: `lane-${lane}` } as const
    while (rounds < ROUNDS) {
      // Ids of orders to one node must not meet those of messages.
      const n = 1_000_000 + rounds++
      await reader.tell({ what: 'subscribe', ...topic })
      const arrival = new Promise<boolean>(resolve => {
        const timer = setTimeout(resolve, PATIENCE, false)
        arrivals.set(n, () => {
          clearTimeout(timer)
          resolve(true)
        })
      })
      await writer.tell({ what: 'publish', ...topic }, n)
      if (!await arrival) missed++
      await reader.tell({ what: 'unsubscribe', ...topic })
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, lane) => run(lane)))
  t.equal(missed, 0)
  t.equal(unasked.length, 0, 'and none twice')
})
