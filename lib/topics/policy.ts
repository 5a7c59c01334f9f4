import type { Retention } from '../backplane/engine.ts'

export type Overflow = 'close' | 'drop' | 'latest' | 'catch-up' | undefined

/** What is counted of a declared topic, whatever its parameters. */
export interface Counts {
  published: number
  /** Messages that a subscriber has missed because it reads too slowly. */
  dropped: number
  /** Subscriptions that began with everything that they had missed. */
  recovered: number
  /** Times that a subscriber could not be given what it had missed. */
  lost: number
}

/** How the messages of topics are kept and delivered. */
export interface Policy {
  /** The URL as it was declared; '' stands for all names that were not declared. */
  readonly url: string
  readonly retention: Retention | null
  readonly overflow: Overflow
  readonly counts: Counts
}

export function noCounts (): Counts {
  return { published: 0, dropped: 0, recovered: 0, lost: 0 }
}
