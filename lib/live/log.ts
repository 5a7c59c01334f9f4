import { inspect } from 'node:util'
import { cut } from '../message/cut.ts'
import type { Request } from './live-socket.ts'
import { loggable, loggableText } from './loggable.ts'

/** A socket, or its handshake. */
interface Logged {
  readonly request: Request
}

/** Of an error as text, in bytes of JSON. */
const MOST_OF_TEXT = 3 * 1024

/** Of a header or a URL, in UTF-16 units: Node takes 16 KiB of them. */
const MOST_OF_HEAD = 256

/** What a client has put into the head of its request, for the log or the text of an error. */
export function shown (text: string | undefined): string {
  return cut(text ?? '', MOST_OF_HEAD)
}

/**
 * Logs what a socket has met, as text if the logger cannot read it, and no more of it than fits a line. Does not throw: a
 * log is no reason to fail.
 */
export function logError (logged: Logged, level: 'info' | 'error', error: unknown, message: string): void {
  const err = loggable(error)
  if (log(logged, level, () => ({ err }), message)) return
  log(logged, level, () => ({ err: loggableText(inspect(err), MOST_OF_TEXT) }), message)
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
