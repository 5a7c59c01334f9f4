import { CloseCode } from '../protocol/close-code.ts'
import type { RouteSocket } from './route-socket.ts'
import type { Scope } from './scope.ts'

/** Ends the connections of a scope: each is told in its turn, and what is left at the deadline is cut. */
export async function drain (scope: Scope): Promise<void> {
  const { batch, interval, timeout } = scope.drain
  const sockets = [...scope.sockets]
  const pause = Math.min(interval, timeout / 2 / Math.ceil(sockets.length / batch))
  // The other half is for the closing handshakes.
  const hurry = setTimeout(() => scope.sockets.forEach(goAway), timeout / 2)
  const deadline = setTimeout(() => scope.sockets.forEach(socket => socket.terminate()), timeout)
  for (let told = 0; told < sockets.length && scope.sockets.size > 0; told += batch) {
    // What the last batch took may be longer than the pause: what has come in the meantime is read in any case.
    if (told > 0) await new Promise(resolve => { setTimeout(() => setImmediate(resolve), pause) })
    for (const socket of sockets.slice(told, told + batch)) void tell(socket)
  }
  while (scope.sockets.size > 0) await Promise.all(Array.from(scope.sockets, socket => socket.closed))
  clearTimeout(hurry)
  clearTimeout(deadline)
}

/** Tells the client that this server goes away (RFC 6455 §7.4.1). */
export function goAway (socket: RouteSocket): void {
  socket.close(CloseCode.GOING_AWAY, 'the server is shutting down')
}

async function tell (socket: RouteSocket): Promise<void> {
  if (socket.state === 'open') await socket.behaviour.onDrain(socket)
  goAway(socket)
}
