import type { Engine, Numbered } from '../backplane/engine.ts'
import type { Policy } from './policy.ts'
import type { Publication } from './publication.ts'

/** How many messages are read at a time. */
const CHUNK = 128

/** A part of a topic's history. */
export interface Chunk {
  readonly messages: ReadonlyArray<Numbered<Publication>>
  /** Whoever has all of them has everything up to this number. */
  readonly upTo: number
}

/** @param messages at least one, without a gap */
export function chunkOf (messages: ReadonlyArray<Numbered<Publication>>): Chunk {
  return { messages, upTo: messages.at(-1)!.seq }
}

/** A topic as far as it has been announced in this process. */
interface Announced {
  readonly name: string
  readonly policy: Policy
  readonly seq: number
}

/** Reads what comes behind a position; null if that is not known any more. */
export async function readHistory (engine: Engine<Publication>, { name, policy, seq }: Announced, after: string): Promise<Chunk | null> {
  const { retention } = policy
  const messages = retention === null ? null : await engine.read(name, retention, after, CHUNK)
  if (messages === null) return null
  const last = messages.at(-1)?.seq ?? 0
  // A short answer has everything that had been announced when it was asked for.
  return { messages, upTo: messages.length < CHUNK ? Math.max(seq, last) : last }
}
