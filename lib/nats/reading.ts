import type { Place, ReadMessages, Retention, StoredMessage } from '../../types/backplane.ts'
import { decode, MARK, type Position, positionOf, tagOf, textOf } from './frame.ts'
import type { Entry, Stream } from './stream.ts'

/** What a stream has of a topic: a message, a mark, or what another version has published. */
export interface Stored extends Position {
  readonly time: number
  /** The place of the topic once it is published: its own, or for a mark the one that it stands for. */
  readonly place: Position
  /** Null: nothing that anybody is told, because it is a mark, of another version, or came too late. */
  readonly bytes: Uint8Array | null
}

export function storedOf ({ seq, time, data }: Entry): Stored {
  const frame = decode(data)
  const own = { seq, tag: frame === null ? tagOf(data) : frame.tag }
  if (frame === null) return { ...own, time, place: own, bytes: null }
  const { kind, deadline, bytes } = frame
  if (kind === MARK) return { ...own, time, place: markedBy(bytes) ?? own, bytes: null }
  return { ...own, time, place: own, bytes: time > deadline ? null : bytes }
}

/** The place that a mark stands for; null: its own. */
export function markedBy (bytes: Uint8Array): Position | null {
  return bytes.length === 0 ? null : positionOf(Buffer.from(bytes).toString('latin1'), '')
}

export function samePlace (one: Position, other: Position): boolean {
  return one.seq === other.seq && one.tag === other.tag
}

export function placeOf (epoch: string, position: Position): Place {
  return { seq: position.seq, at: textOf(epoch, position) }
}

function messageOf (epoch: string, stored: Stored): StoredMessage {
  return { ...placeOf(epoch, stored), bytes: stored.bytes! }
}

/** Collects the messages of a topic in their order, of which those go that are followed by nothing for longer than the ttl. */
class Kept {
  readonly messages: Stored[] = []
  /** Whether any has gone. */
  hasGone = false
  readonly #ttl: number

  constructor ({ ttl }: Retention) {
    this.#ttl = ttl
  }

  add (stored: Stored): void {
    this.expire(stored.time)
    this.messages.push(stored)
  }

  /** @param now by the clock of the server */
  expire (now: number): void {
    const last = this.messages.at(-1)
    if (last === undefined || now - last.time <= this.#ttl) return
    this.messages.length = 0
    this.hasGone = true
  }
}

/**
 * What is behind a position. That nothing is missing is certain only if the very message of the position is there, or a mark that
 * stands for it, because of the messages of a topic the oldest always go first.
 *
 * @param now the time by the clock of the server
 */
export async function readBehind (
  stream: Stream, subject: string, retention: Retention, after: string, limit: number, now: () => number
): Promise<ReadMessages | null> {
  const { epoch } = stream
  const position = positionOf(after, epoch)
  // Asked in any case: whoever is cut off knows nothing.
  const last = await lastStored(stream, subject)
  if (position === null || last === null || last.seq < position.seq) return null
  // Most who ask are there already, and this is much less work for the server.
  if (samePlace(last.place, position)) return { messages: [], upTo: placeOf(epoch, position) }
  const kept = new Kept(retention)
  let upTo: Position | null = null
  let isWhole = true
  let first = 0
  for await (const entry of stream.from(subject, position.seq, limit + 2)) {
    const stored = storedOf(entry)
    if (upTo === null && !samePlace(stored.place, position)) return null
    if (upTo === null) first = stored.seq
    if (kept.messages.length === limit && stored.bytes !== null) {
      isWhole = false
      break
    }
    upTo = stored.place
    if (stored.bytes !== null && !samePlace(stored, position)) kept.add(stored)
  }
  if (isWhole) kept.expire(now())
  // In a busy topic, what comes behind the position may have been taken away while it was being read.
  if (upTo === null || !await stream.has(first)) return null
  // They may still be there, but whoever asks is promised the topic as its history has it.
  if (kept.hasGone || kept.messages.length > retention.size) return null
  return { messages: kept.messages.map(stored => messageOf(epoch, stored)), upTo: placeOf(epoch, upTo) }
}

export async function readLast (
  stream: Stream, subject: string, retention: Retention, limit: number, now: () => number
): Promise<StoredMessage[]> {
  const last = await lastStored(stream, subject)
  if (last === null || (last.bytes !== null && now() - last.time > retention.ttl)) return []
  for (;;) {
    const kept = new Kept(retention)
    for await (const entry of stream.from(subject, 1)) {
      const stored = storedOf(entry)
      if (stored.bytes !== null) kept.add(stored)
    }
    kept.expire(now())
    const messages = kept.messages.slice(-Math.min(limit, retention.size))
    // If the first is still there, nothing behind it was taken away while it was being read.
    if (messages.length === 0 || await stream.has(messages[0]!.seq)) return messages.map(stored => messageOf(stream.epoch, stored))
  }
}

/** Whether a message with this number is among those that are kept. */
export async function findKept (
  stream: Stream, subject: string, retention: Retention, seq: number, now: () => number
): Promise<Position | null> {
  const kept = new Kept(retention)
  let found: Stored | null = null
  for await (const entry of stream.from(subject, seq)) {
    const stored = storedOf(entry)
    if (found === null && (stored.seq !== seq || stored.bytes === null)) return null
    found ??= stored
    if (stored.bytes !== null) kept.add(stored)
  }
  kept.expire(now())
  return kept.hasGone || kept.messages.length > retention.size ? null : found
}

async function lastStored (stream: Stream, subject: string): Promise<Stored | null> {
  const entry = await stream.lastOf(subject)
  return entry === null ? null : storedOf(entry)
}
