import { setTimeout } from 'node:timers'
import type { Engine, Numbered, Part, Top } from '../backplane/engine.ts'
import type { Policy } from './policy.ts'
import type { Publication } from './publication.ts'

/** How many messages are read at a time. */
const CHUNK = 128
/** Milliseconds until an engine that could not answer is asked once more. */
const RETRY_AFTER = 1000

/** A part of a topic's history. */
export type Chunk = Part<Publication>

/** @param end what it has everything up to; by default, its last message */
export function chunkOf (messages: ReadonlyArray<Numbered<Publication>>, { seq, at }: Top = messages.at(-1)!): Chunk {
  return { messages, upTo: seq, at }
}

/** Reads what comes behind a position; null if that is not known any more. */
export async function readHistory (
  engine: Engine<Publication>, { name, policy: { retention } }: { name: string, policy: Policy }, after: string
): Promise<Chunk | null> {
  return retention === null ? null : await engine.read(name, retention, after, CHUNK)
}

/**
 * Asks an engine that may be away until it answers.
 *
 * @param isWanted whether anybody still waits for the answer: otherwise it rejects
 */
export async function askUntilAnswered<Answer> (
  engine: Engine<Publication>, ask: () => Promise<Answer>, isWanted: () => boolean
): Promise<Answer> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!isWanted()) throw error
      await new Promise(resolve => { setTimeout(resolve, RETRY_AFTER).unref() })
      await engine.whenUp()
      if (!isWanted()) throw error
    }
  }
}

/**
 * Reads the last messages up to a number; null: there are none. An engine that cannot answer is waited for, as long as that is wanted.
 *
 * @param newer how many there are behind that number, as far as is known
 */
export async function readRecent (
  engine: Engine<Publication>, { name, policy: { retention } }: { name: string, policy: Policy },
  { recent, newer, upTo }: { recent: number, newer: number, upTo: number }, isWanted: () => boolean
): Promise<Chunk | null> {
  const last = await askUntilAnswered(engine, () => engine.last(name, retention!, recent + newer), isWanted)
  const messages = last.filter(({ seq }) => seq <= upTo).slice(-recent)
  return messages.length === 0 ? null : chunkOf(messages)
}
