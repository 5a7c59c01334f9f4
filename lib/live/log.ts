import { inspect } from 'node:util'
import { cut } from '../message/cut.ts'
import type { Request } from './live-socket.ts'
import { loggable, loggableText } from './loggable.ts'

/** A socket, or its handshake. */
interface Logged {
  readonly request: Request
}

/** The longest text of an error, in bytes of JSON. */
const MAX_TEXT = 3 * 1024

/** The longest text of a header or a URL, in UTF-16 units; Node accepts up to 16 KiB of them. */
const MAX_HEAD = 256

/** Shortens a header or URL that a client has sent, for the log or an error's text. */
export function shown (text: string | undefined): string {
  return cut(text ?? '', MAX_HEAD)
}

/**
 * Logs an error of a socket, cut to fit a line; as text if the logger cannot read the error itself. Does not throw, because
 * logging is no reason to fail.
 */
export function logError ({ request }: Logged, level: 'info' | 'error', error: unknown, message: string): void {
  logErrorOf(request, level, error, message, {})
}

/** The same for anything that has a logger, with more fields. */
export function logErrorOf (owner: Pick<Request, 'log'>, level: 'info' | 'error', error: unknown, message: string, fields: object): void {
  const err = loggable(error)
  if (log(owner, level, () => ({ err, ...fields }), message)) return
  log(owner, level, () => ({ err: loggableText(inspect(err), MAX_TEXT), ...fields }), message)
}

/** Logs at level info. Does not throw. */
export function logInfo ({ request }: Logged, fields: object, message: string): void {
  logInfoOf(request, fields, message)
}

/** The same for anything that has a logger. */
export function logInfoOf (owner: Pick<Request, 'log'>, fields: object, message: string): void {
  log(owner, 'info', () => fields, message)
}

/** Returns false if the logger throws, or the owner when it is asked for it. */
function log (owner: Pick<Request, 'log'>, level: 'info' | 'error', fields: () => object, message: string): boolean {
  try {
    owner.log[level](fields(), message)
    return true
  } catch {
    return false
  }
}
