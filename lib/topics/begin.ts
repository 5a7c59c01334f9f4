import { setImmediate } from 'node:timers'
import type { Beginning } from '../../types/topics.ts'
import type { LiveSocket } from '../live/live-socket.ts'
import type { Begin } from './subscribing.ts'

/** Milliseconds of a turn of the event loop in which sockets are told that messages were lost: each may run code of the user's. */
const SLICE = 4

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
  const end = performance.now() + SLICE
  let told = 0
  do waiting[told++]!.beginAgain()
  while (told < waiting.length && performance.now() < end)
  waiting.splice(0, told)
  if (waiting.length > 0) setImmediate(next)
}

/** Runs the user's `begin`, for which a shutdown waits. */
export async function runBegin (begin: Begin, beginning: Beginning, socket: LiveSocket): Promise<void> {
  socket.begin()
  try {
    await begin(beginning)
  } finally {
    socket.done()
  }
}
