import type { Ending } from './types.ts'

/** What an end means: no further attempt, one more with fresh credentials, or as many as it takes. */
export type Verdict = 'final' | 'refresh' | 'retry'

/** Statuses of 400 to 499 that may be another one soon; 426 is what a plain request gets where a handshake would be let in. */
const PASSING = [408, 425, 426, 429]

/** Codes of RFC 6455 after which nothing would be different. */
const FINAL = [1000, 1002, 1003, 1007, 1008, 1009, 1010]

/** Mistakes in the program, which another attempt would only repeat. */
const MISTAKE = /^FST.*_(PARAM|TARGET|HEADER)$/

/**
 * The one table of what is final. The codes from 4400 are those of HTTP, 4000 higher; 3000 and 3003 are registered by the IANA
 * as Unauthorized and Forbidden.
 */
export function verdictOf ({ code, status, error, initiator }: Ending): Verdict {
  if (MISTAKE.test((error as { code?: any } | null)?.code)) return 'final'
  const meaning = status || (code === 3000 ? 401 : code === 3003 ? 403 : code - 4000)
  if (meaning === 401) return 'refresh'
  if (meaning >= 400 && meaning < 500) return PASSING.includes(meaning) ? 'retry' : 'final'
  // What we have closed for was damaged on its way, or is a fault of the server that may pass. A browser reports it as 1006.
  if (initiator === 'local' && code !== 1009) return 'retry'
  return FINAL.includes(code) ? 'final' : 'retry'
}
