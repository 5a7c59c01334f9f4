import { randomInt } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { inspect, isDeepStrictEqual } from 'node:util'
import { decode, type Outcome } from '../support/decode.ts'
import { agreeing, explain, ROWS } from './disagreements.ts'
import { Random } from './random.ts'
import { shrink } from './shrink.ts'
import { anyStream, cut, type Stream } from './streams.ts'
import { receive, wsVersion } from './ws-receiver.ts'

/*
 * The same bytes to our decoder and to the receiver of `ws`: what they hand on and how it ends must be the same, unless
 * a row of `disagreements.ts` explains the difference. Ours must also do the same however the bytes are cut.
 */

const seed = Number(process.env.DIFFERENTIAL_SEED ?? randomInt(2 ** 31))
const streams = Number(process.env.DIFFERENTIAL_STREAMS ?? 100_000)
const MOST_FAILURES = 5
/** From here on, a row that nothing has hit is one that is no longer true. */
const ENOUGH = 50_000

const hits = new Map(ROWS.map(row => [row.id, 0]))
const ends = new Map<string, number>()
let failures = 0
// Most streams end in an error, and most of the time would go into the traces.
Error.stackTraceLimit = 0

/** Why the two differ, in a way that no row explains; null: they do not. */
function unexplained (stream: Stream, seed: number, note?: Notes): string | null {
  try {
    return compared(stream, seed, note)
  } catch (error) {
    return `thrown: ${String(error)}`
  }
}

interface Notes {
  row: (id: string) => void
  end: (ours: Outcome) => void
}

function compared (stream: Stream, seed: number, note?: Notes): string | null {
  const { role, bytes, maxPayload } = stream
  const ours: Outcome[] = []
  for (const chunks of [[bytes], cut(new Random(seed), bytes)]) {
    const one = decode(role, chunks, { maxPayload })
    const theirs = receive(role, chunks, maxPayload)
    ours.push(one)
    if (agreeing(one, theirs)) continue
    const row = explain({ stream, ours: one, theirs })
    if (row === null) return inspect({ chunks: chunks.length, ours: one, theirs }, { maxStringLength: 200, depth: 4 })
    note?.row(row.id)
  }
  note?.end(ours[0]!)
  const [whole, inChunks] = ours.map(one => ({ ...one, taken: 0 }))
  return isDeepStrictEqual(whole, inChunks) ? null : inspect({ whole, inChunks }, { maxStringLength: 200, depth: 4 })
}

const notes: Notes = {
  row: id => hits.set(id, hits.get(id)! + 1),
  end ({ code, events }) {
    const isClosed = (events.at(-1) ?? '').startsWith('close ')
    const end = code !== 0 ? `${code}` : isClosed ? 'close frame' : events.length > 0 ? 'open' : 'nothing yet'
    ends.set(end, (ends.get(end) ?? 0) + 1)
  }
}

function report (index: number, stream: Stream, streamSeed: number, why: string): void {
  const small = shrink(stream.bytes, bytes => unexplained({ ...stream, bytes }, streamSeed) !== null)
  console.log(`\nFAILED: stream ${index}, role ${stream.role}, maxPayload ${stream.maxPayload}`)
  console.log(why)
  console.log(`as it was: ${stream.bytes.toString('hex')}`)
  console.log(`shrunken: ${small.toString('hex')}`)
  console.log(unexplained({ ...stream, bytes: small }, streamSeed))
}

async function run (): Promise<void> {
  for (let i = 0; i < streams && failures < MOST_FAILURES; i++) {
    const streamSeed = seed + i
    const stream = anyStream(new Random(streamSeed))
    const why = unexplained(stream, streamSeed, notes)
    if (why !== null) {
      failures++
      report(i, stream, streamSeed, why)
    }
    // The receivers are streams, which do some of their work later.
    if (i % 100 === 99) await setImmediate()
  }
}

console.log(`DIFFERENTIAL_SEED=${seed} DIFFERENTIAL_STREAMS=${streams}, ws ${wsVersion}, Node ${process.version}`)
const start = performance.now()
await run()
console.log(`${((performance.now() - start) / 1000).toFixed(1)} s`)
console.log('how ours ended:', Object.fromEntries([...ends].sort()))
console.log('disagreements that a row explains, whole and in chunks:')
for (const [id, count] of hits) {
  console.log(`  ${String(count).padStart(6)}  ${id}`)
  if (count > 0 || streams < ENOUGH) continue
  console.log('FAILED: nothing hit that row')
  failures++
}
console.log(failures === 0 ? 'ok' : `${failures} failed`)
process.exitCode = failures === 0 ? 0 : 1
