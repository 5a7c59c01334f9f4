/* Handlers of routes: each takes its messages in a way of its own, and does things to its socket meanwhile. */
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import type { Weights } from '../differential/random.ts'
import { act, say, type Subject } from './acts.ts'
import type { Order } from './order.ts'

type Style = 'listen' | 'loop' | 'slow' | 'late' | 'toggle' | 'manual' | 'never'

const STYLES: Weights<Style> = { listen: 0.2, loop: 0.25, slow: 0.33, late: 0.05, toggle: 0.07, manual: 0.08, never: 0.05 }

type Rest = 'none' | 'microtask' | 'tick' | 'immediate' | 'short' | 'long' | 'drained' | 'ping'

const RESTS: Weights<Rest> = {
  none: 2, microtask: 2, tick: 1, immediate: 2, short: 2, long: 0.5, drained: 1, ping: 0.5
}

/** By when everything that a handler has begun is over, in milliseconds: whatever is left then is the library's. */
const LAST_ACT = 1500

/** A message as it came, whatever the route makes of it. */
function numbered (message: unknown): { n: unknown } | null {
  if (typeof message === 'object' && !Buffer.isBuffer(message)) return message as { n: unknown } | null
  try {
    return JSON.parse(String(message))
  } catch {
    return null
  }
}

/** Takes over a socket that has just opened. */
export function handle (subject: Subject, order: Order): unknown {
  const { random, socket, route } = subject
  if (route.greeting > 0) say(subject, route.greeting)
  // Thousands that act would be a load of their own.
  if (route.isEcho || subject.isOfSwarm) return echo(subject, order)
  const last = setTimeout(() => {
    if (random.chance(0.5)) void socket.close(1000, 'the last act')
    else socket.terminate()
  }, 200 + random.int(LAST_ACT - 200))
  socket.on('close', () => { clearTimeout(last) })
  const style = random.weighted(STYLES)
  order.name += `, ${style}`
  if (random.chance(0.3)) act(subject)
  switch (style) {
    case 'listen': return listen(subject, order, false)
    case 'loop': return loop(subject, order, RESTS)
    case 'slow': return loop(subject, order, { long: 1 })
    case 'late': return wait(random.int(300)).then(() =>
      random.chance(0.5) ? listen(subject, order, true) : loop(subject, order, RESTS, true))
    case 'toggle': return toggle(subject, order)
    case 'manual': return manual(subject, order)
    case 'never': return undefined
  }
}

/** @param mayMiss whether others may have taken messages meanwhile */
function note (subject: Subject, order: Order, message: unknown, mayMiss = false): boolean {
  const n = numbered(message)?.n
  const { validationError } = subject.socket
  // A message that the schema does not take has no number.
  if (typeof n === 'number' && n > 0) {
    if (mayMiss) order.skip(n)
    else order.seen(n)
    if (validationError !== null) order.fault(`message ${n} came with a validation error: ${validationError.message}`)
    return true
  }
  if (subject.route.takesJson && validationError === null) {
    order.fault(`a message that is not valid came without a validation error: ${JSON.stringify(message)?.slice(0, 80)}`)
  }
  return false
}

function echo (subject: Subject, order: Order): void {
  const consumer = order.consumer()
  const { socket, route } = subject
  socket.on('message', message => {
    if (!note(subject, consumer, message)) return
    if (route.sendsJson) socket.send(numbered(message))
    else socket.send(route.takesJson ? JSON.stringify(message) : message)
  })
}

function listen (subject: Subject, order: Order, isLate: boolean): void {
  const { random, socket } = subject
  const eagerness = random.pick([0.01, 0.1, 0.5])
  for (let listeners = isLate ? 1 : 1 + random.int(3); listeners > 0; listeners--) {
    const consumer = order.consumer()
    socket.on('message', message => {
      note(subject, consumer, message, isLate)
      if (random.chance(eagerness)) act(subject)
    })
  }
}

async function rest ({ random, socket }: Subject, kind: Rest): Promise<void> {
  // What waits when the client has gone is many messages, and each rest would outlive the round.
  if (socket.state === 'closed') return undefined
  switch (kind) {
    case 'none': return
    case 'microtask': return Promise.resolve()
    case 'tick': return new Promise(resolve => { process.nextTick(resolve) })
    case 'immediate': await turn(); break
    case 'short': await wait(random.int(30)); break
    case 'long': await wait(100 + random.int(800)); break
    case 'drained': return socket.drained()
    case 'ping': await socket.ping()
  }
}

async function loop (subject: Subject, order: Order, rests: Weights<Rest>, isLate = false): Promise<void> {
  const { random, socket } = subject
  const consumer = order.consumer()
  const eagerness = random.pick([0, 0.05, 0.3])
  const ends = random.chance(0.3) ? 1 + random.int(40) : Infinity
  let count = 0
  for await (const message of socket) {
    note(subject, consumer, message, isLate)
    await rest(subject, random.weighted(rests))
    if (random.chance(eagerness)) act(subject)
    if (++count < ends) continue
    if (random.chance(0.3)) throw new Error('the body of a loop has failed')
    break
  }
}

/** A listener that comes and goes. */
function toggle (subject: Subject, order: Order): void {
  const { random, socket } = subject
  const consumer = order.consumer()
  const take = (message: unknown): void => {
    note(subject, consumer, message, true)
    if (random.chance(0.1)) act(subject)
    if (random.chance(0.5)) return
    socket.off('message', take)
    const again = (): void => {
      try {
        socket.on('message', take)
      } catch {
        // Somebody iterates meanwhile.
      }
    }
    if (random.chance(0.3)) again()
    else if (random.chance(0.5)) setImmediate(again)
    else setTimeout(again, random.int(40))
  }
  if (random.chance(0.5)) socket.on('message', take)
  else socket.once('message', take)
}

/** An iterator that is told what no loop would tell it. */
async function manual (subject: Subject, order: Order): Promise<void> {
  const { random, socket } = subject
  const consumer = order.consumer()
  const iterator = socket[Symbol.asyncIterator]()
  const leave = (): void => { void iterator.return!() }
  if (random.chance(0.3)) socket.on('ping', leave)
  if (random.chance(0.3)) socket.on('drain', leave)
  for (let left = 1 + random.int(50); left > 0; left--) {
    const next = iterator.next()
    // A second one while the first waits is refused.
    if (random.chance(0.1)) await iterator.next().catch(() => {})
    if (random.chance(0.02)) leave()
    const { done, value } = await next
    if (done) return
    const n = numbered(value)?.n
    if (typeof n === 'number' && n > 0) consumer.skip(n)
    if (random.chance(0.1)) act(subject)
    await rest(subject, random.weighted(RESTS))
  }
  leave()
}
