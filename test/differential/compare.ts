import { inspect, isDeepStrictEqual } from 'node:util'
import { decode, type Outcome } from '../support/decode.ts'
import { compressedEnds, explainCompressed } from './compressed-disagreements.ts'
import type { CompressedStream } from './compressed-streams.ts'
import { agreeing, explain } from './disagreements.ts'
import { Random } from './random.ts'
import { cut, type Stream } from './streams.ts'
import { receive } from './ws-receiver.ts'

/** What a comparison tells on its way. */
export interface Notes {
  /** A disagreement that this row explains. */
  row: (id: string) => void
  end: (ours: Outcome) => void
}

/** Why the two differ, whole or in chunks, in a way that no row explains; null: they do not. */
export type Compare<T> = (stream: T, seed: number, notes?: Notes) => Promise<string | null>

export const compare: Compare<Stream> = safely(async (stream, seed, notes) => {
  const { role, bytes, maxPayload } = stream
  const seen: Outcome[] = []
  for (const chunks of [[bytes], cut(new Random(seed), bytes)]) {
    const ours = decode(role, chunks, { maxPayload })
    const theirs = receive(role, chunks, maxPayload)
    seen.push(ours)
    if (agreeing(ours, theirs)) continue
    const row = explain({ stream, ours, theirs })
    if (row === null) return shown({ chunks: chunks.length, ours, theirs })
    notes?.row(row.id)
  }
  notes?.end(seen[0]!)
  return differing(seen)
})

export const compareCompressed: Compare<CompressedStream> = safely(async (stream, seed, notes) => {
  const seen: Outcome[] = []
  for (const chunks of [[stream.bytes], cut(new Random(seed), stream.bytes)]) {
    const { ours, theirs } = await compressedEnds(stream, chunks)
    seen.push(ours)
    if (agreeing(ours, theirs)) continue
    const row = await explainCompressed(stream, { ours, theirs })
    if (row === null) return shown({ chunks: chunks.length, ours, theirs })
    notes?.row(row.id)
  }
  notes?.end(seen[0]!)
  return differing(seen)
})

/** Our outcomes on the same bytes, cut in different ways. */
function differing ([whole, inChunks]: Outcome[]): string | null {
  const same = isDeepStrictEqual({ ...whole, taken: 0 }, { ...inChunks, taken: 0 })
  return same ? null : shown({ whole, inChunks })
}

/** Something thrown that should not be is a failure like others. */
function safely<T> (compare: Compare<T>): Compare<T> {
  return async (stream, seed, notes) => {
    try {
      return await compare(stream, seed, notes)
    } catch (error) {
      return `thrown: ${String(error)}`
    }
  }
}

function shown (outcomes: object): string {
  return inspect(outcomes, { maxStringLength: 200, depth: 4 })
}
