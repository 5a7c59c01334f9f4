import type { Engine, Numbered, Part } from '../backplane/engine.ts'
import type { Policy } from './policy.ts'
import type { Publication } from './publication.ts'

/** How many messages are read at a time. */
const CHUNK = 128

/** A part of a topic's history. */
export type Chunk = Part<Publication>

/** @param messages at least one, without a gap */
export function chunkOf (messages: ReadonlyArray<Numbered<Publication>>): Chunk {
  const { seq, at } = messages.at(-1)!
  return { messages, upTo: seq, at }
}

/** Reads what comes behind a position; null if that is not known any more. */
export async function readHistory (
  engine: Engine<Publication>, { name, policy: { retention } }: { name: string, policy: Policy }, after: string
): Promise<Chunk | null> {
  return retention === null ? null : await engine.read(name, retention, after, CHUNK)
}
