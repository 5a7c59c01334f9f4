import type { StoredMember } from '../../types/backplane.ts'
import type { Entry as Stored, Stream } from './stream.ts'

/** What the stream has of a member. */
export interface Entry {
  readonly topic: string
  readonly id: string
  /** Its place among the members of the topic: the number of the message by which it joined. */
  readonly order: number
  /** The processes in which it is, each with what is told of it there. What counts is what was told last: the last one. */
  readonly nodes: ReadonlyArray<readonly [node: string, info: string]>
  /** The number of the message. */
  readonly seq: number
}

/** The format of an entry. */
interface Format {
  v: 1
  topic: string
  id: string
  order?: number
  nodes: Array<[string, string]>
}

/** @returns nothing if another version has published it, or somebody else */
export function entryOf ({ seq, data }: Stored): Entry[] {
  try {
    const { v, topic, id, order, nodes } = JSON.parse(Buffer.from(data).toString()) as Format
    return v === 1 && nodes.length > 0 ? [{ topic, id, order: order ?? seq, nodes, seq }] : []
  } catch {
    return []
  }
}

async function find (stream: Stream, subject: string): Promise<{ entry: Entry | null, seq: number }> {
  const stored = await stream.lastOf(subject)
  return stored === null ? { entry: null, seq: 0 } : { entry: entryOf(stored)[0] ?? null, seq: stored.seq }
}

function bytesOf (topic: string, id: string, order: number | undefined, nodes: Entry['nodes']): Uint8Array {
  return Buffer.from(JSON.stringify({ v: 1, topic, id, order, nodes }))
}

function checkTime (end: number): void {
  if (performance.now() > end) throw new Error('too many change the same member')
}

/**
 * A member is in a process.
 *
 * @param end when to give up, in milliseconds that this process has been running
 * @param former ids that the process has had
 * @returns whether it is in no other
 */
export async function add (
  stream: Stream, subject: string, topic: string, { id, info }: StoredMember, node: string, end: number, former: readonly string[] = []
): Promise<boolean> {
  checkTime(end)
  // Most are new.
  if (await stream.put(subject, bytesOf(topic, id, undefined, [[node, info]]), 0) !== null) return true
  for (;;) {
    checkTime(end)
    const { entry, seq } = await find(stream, subject)
    const others = entry?.nodes.filter(([other]) => other !== node && !former.includes(other)) ?? []
    if (await stream.put(subject, bytesOf(topic, id, entry?.order, [...others, [node, info]]), seq) !== null) return entry === null
  }
}

/**
 * A member is not in some processes any more.
 *
 * @returns the member, if it is gone from all by that
 */
export async function remove (
  stream: Stream, subject: string, isGone: (node: string) => boolean, end: number
): Promise<StoredMember | null> {
  for (;;) {
    checkTime(end)
    const { entry, seq } = await find(stream, subject)
    if (entry === null) return null
    const { topic, id, order, nodes } = entry
    const left = nodes.filter(([node]) => !isGone(node))
    if (left.length === nodes.length) return null
    if (left.length === 0) {
      if (await stream.remove(seq)) return { id, info: nodes.at(-1)![1] }
    } else if (await stream.put(subject, bytesOf(topic, id, order, left), seq) !== null) {
      return null
    }
  }
}
