import type { Engine, Numbered, Part, Top } from '../backplane/engine.ts'
import type { Policy } from './policy.ts'
import type { Publication } from './publication.ts'

/** How many messages are read at a time. */
const CHUNK = 128

/** A part of a topic's history. */
export type Chunk = Part<Publication>

/** @param first what comes before the messages; null: nothing, and there is at least one of them */
export function chunkOf (messages: ReadonlyArray<Numbered<Publication>>, first: Chunk | null = null): Chunk {
  const last = messages.at(-1)
  if (last === undefined) return first!
  return { messages: first === null ? messages : [...first.messages, ...messages], upTo: last.seq, at: last.at }
}

/** Reads what comes behind a position; null if that is not known any more. */
export async function readHistory (
  engine: Engine<Publication>, { name, policy: { retention } }: { name: string, policy: Policy }, after: string
): Promise<Chunk | null> {
  return retention === null ? null : await engine.read(name, retention, after, CHUNK)
}

/** Reads the last messages of a topic, up to where it stands. */
export async function readRecent (
  engine: Engine<Publication>, { name, policy: { retention } }: { name: string, policy: Policy }, limit: number, { seq, at }: Top
): Promise<Chunk> {
  const messages = await engine.last(name, retention!, limit)
  return { messages: messages.filter(one => one.seq <= seq), upTo: seq, at }
}
