import { inspect } from 'node:util'
import type { FastifyRequest } from 'fastify'

/** A socket, or its handshake. */
interface Logged {
  readonly request: FastifyRequest
}

/** Logs what a socket has met, as text if the logger cannot read it. Does not throw: a log is no reason to fail. */
export function logError (logged: Logged, level: 'info' | 'error', error: unknown, message: string): void {
  if (!log(logged, level, () => ({ err: error }), message)) log(logged, level, () => ({ err: inspect(error) }), message)
}

/** Logs at level info. Does not throw. */
export function logInfo (logged: Logged, fields: object, message: string): void {
  log(logged, 'info', () => fields, message)
}

/** Returns whether the logger has taken it. */
function log ({ request }: Logged, level: 'info' | 'error', fields: () => object, message: string): boolean {
  try {
    request.log[level](fields(), message)
    return true
  } catch {
    return false
  }
}
