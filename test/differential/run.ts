import { randomInt } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { type Compare, compare, compareCompressed, type Notes } from './compare.ts'
import { COMPRESSED_ROWS } from './compressed-disagreements.ts'
import { anyCompressedStream } from './compressed-streams.ts'
import { ROWS } from './disagreements.ts'
import { Random } from './random.ts'
import { shrink } from './shrink.ts'
import { anyStream, type Stream } from './streams.ts'
import { wsVersion } from './ws-receiver.ts'

/*
 * The same bytes to our decoder and to the receiver of `ws`: what they hand on and how it ends must be the same, unless
 * a row of `disagreements.ts` or `compressed-disagreements.ts` explains the difference. Ours must also do the same
 * however the bytes are cut. Compressed messages are fewer: `ws` inflates them in the thread pool.
 */

const seed = Number(process.env.DIFFERENTIAL_SEED ?? randomInt(2 ** 31))
const streams = Number(process.env.DIFFERENTIAL_STREAMS ?? 100_000)
const compressed = Number(process.env.DIFFERENTIAL_COMPRESSED ?? Math.ceil(streams / 20))

const MOST_FAILURES = 5
const AT_A_TIME = 20
// Most streams end in an error, and most of the time would go into the traces.
Error.stackTraceLimit = 0

let failures = 0

interface Kind<T> {
  name: string
  count: number
  any: (random: Random) => T
  compare: Compare<T>
  rows: ReadonlyArray<{ id: string }>
  /** So many streams are enough to hit every row: one that is not hit then is one that is no longer true. */
  enough: number
}

async function run<T extends Stream> ({ name, count, any, compare, rows, enough }: Kind<T>): Promise<void> {
  const start = performance.now()
  const hits = new Map(rows.map(row => [row.id, 0]))
  const ends = new Map<string, number>()
  const notes: Notes = {
    row: id => hits.set(id, hits.get(id)! + 1),
    end ({ code, events }) {
      const isClosed = (events.at(-1) ?? '').startsWith('close ')
      const end = code !== 0 ? `${code}` : isClosed ? 'close frame' : events.length > 0 ? 'open' : 'nothing yet'
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
  }
  async function one (index: number): Promise<void> {
    const stream = any(new Random(seed + index))
    const why = await compare(stream, seed + index, notes)
    if (why !== null) await report(name, index, stream, why, compare)
  }
  for (let i = 0; i < count; i += AT_A_TIME) {
    if (failures >= MOST_FAILURES) break
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count - i) }, (_, j) => one(i + j)))
    // The receivers are streams, which do some of their work later.
    await setImmediate()
  }
  console.log(`\n${count} ${name} streams, ${((performance.now() - start) / 1000).toFixed(1)} s`)
  console.log('how ours ended:', Object.fromEntries([...ends].sort()))
  console.log('disagreements that a row explains, whole and in chunks:')
  for (const [id, times] of hits) {
    console.log(`  ${String(times).padStart(6)}  ${id}`)
    if (times > 0 || count < enough) continue
    console.log('FAILED: nothing hit that row')
    failures++
  }
}

async function report<T extends Stream> (
  name: string, index: number, stream: T, why: string, compare: Compare<T>
): Promise<void> {
  if (++failures > MOST_FAILURES) return
  const { bytes, ...rest } = stream
  // The rows for compressed streams know nothing of frames that are wrong in themselves.
  const small = await shrink(bytes, name === 'plain', async bytes =>
    await compare({ ...stream, bytes }, seed + index) !== null)
  console.log(`\nFAILED: ${name} stream ${index}`, rest)
  console.log(why)
  console.log(`as it was: ${bytes.toString('hex')}`)
  console.log(`shrunken: ${small.toString('hex')}`)
  console.log(await compare({ ...stream, bytes: small }, seed + index))
}

console.log(`DIFFERENTIAL_SEED=${seed} DIFFERENTIAL_STREAMS=${streams} DIFFERENTIAL_COMPRESSED=${compressed}`)
console.log(`ws ${wsVersion}, Node ${process.version}`)
await run({ name: 'plain', count: streams, any: anyStream, compare, rows: ROWS, enough: 50_000 })
await run({
  name: 'compressed',
  count: compressed,
  any: anyCompressedStream,
  compare: compareCompressed,
  rows: COMPRESSED_ROWS,
  enough: 3000
})
console.log(failures === 0 ? '\nok' : `\n${failures} failed`)
process.exitCode = failures === 0 ? 0 : 1
