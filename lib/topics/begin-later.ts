import { setImmediate } from 'node:timers'

/** How many sockets are told in one turn of the event loop that messages were lost: each may run code of the user's. */
const PER_TURN = 50

/** A subscription that begins again. */
interface Lost {
  beginAgain (): void
}

const waiting: Lost[] = []

/** Not now, and not all at once: a store that has forgotten everything has done so for every socket. */
export function beginLater (subscription: Lost): void {
  if (waiting.push(subscription) === 1) setImmediate(next)
}

function next (): void {
  const some = waiting.slice(0, PER_TURN)
  for (const one of some) one.beginAgain()
  waiting.splice(0, some.length)
  if (waiting.length > 0) setImmediate(next)
}
