import { inspect } from 'node:util'
import type { RouteSocket } from './route-socket.ts'

/** Logs what a socket has met, as text if the logger cannot read it. Does not throw: a log is no reason to fail. */
export function logError (socket: RouteSocket, level: 'info' | 'error', error: unknown, message: string): void {
  const { log } = socket.request
  try {
    log[level]({ err: error }, message)
  } catch {
    try {
      log[level]({ err: inspect(error) }, message)
    } catch {
      // Then nothing can be logged.
    }
  }
}
