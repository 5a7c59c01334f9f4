import { createHash } from 'node:crypto'
import { isUtf8 } from 'node:buffer'
import { test } from 'tap'
import { fewest, type WireFrame } from '../support/frames.ts'
import { CLOSE } from '../support/opcodes.ts'
import { generator } from '../support/splits.ts'
import { turn } from '../support/until.ts'
import type { Endpoint } from './endpoints.ts'
import type { Peer } from './peer.ts'
import { close, closed, encode, type Row, type Step } from './row.ts'

/** How the transport cuts what the peer sends. Each piece is written when the one before has been read. */
export interface Way {
  name: string
  cut (frames: Buffer[]): Iterable<Buffer>
}

/** Above it a row is not sent in single bytes: each costs a turn of the event loop. */
const SINGLE_BYTES_UP_TO = 4096
/** A row in which nothing happens for so long has failed. */
const PATIENCE = Number(process.env.CONFORMANCE_PATIENCE ?? 15_000)

const NAMES: Record<number, string> = { 0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' }

/** A test for each row and each way. */
export function checkRows (endpoint: Endpoint, rows: readonly Row[]): void {
  for (const row of rows) {
    for (const way of waysOf(row)) {
      test(`${row.id} as ${endpoint.role}, ${way.name}: ${row.name} (${row.rfc})`, async t => {
        t.strictSame(await play(endpoint, row, way), script(row))
      })
    }
  }
}

export function waysOf (row: Row): Way[] {
  if (row.cut === 'frames') return [{ name: 'frame by frame', cut: frames => frames }]
  if (typeof row.cut === 'number') return [inPieces(row.cut)]
  const bytes = row.peer.reduce((sum, step) => sum + ('opcode' in step ? step.payload.length + 6 : 0), 0)
  return allWays(row.id, bytes)
}

/** @param size how many bytes there are to cut */
export function allWays (id: string, size: number): Way[] {
  return [
    { name: 'whole', cut: frames => [Buffer.concat(frames)] },
    ...size <= SINGLE_BYTES_UP_TO ? [inPieces(1)] : [],
    inRandomPieces(seedOf(id))
  ]
}

function inPieces (size: number): Way {
  return {
    name: size === 1 ? 'byte by byte' : `in pieces of ${size} bytes`,
    * cut (frames) {
      const bytes = Buffer.concat(frames)
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    }
  }
}

function inRandomPieces (seed: number): Way {
  return {
    name: `in random pieces (seed ${seed})`,
    * cut (frames) {
      const bytes = Buffer.concat(frames)
      const next = generator(seed)
      for (let at = 0; at < bytes.length;) {
        const size = 1 + Math.floor(next() * bytes.length / 5)
        yield bytes.subarray(at, at + size)
        at += size
      }
    }
  }
}

function seedOf (id: string): number {
  return createHash('sha1').update(id).digest().readUInt16BE(0)
}

/** What must happen, in lines. */
function script (row: Row): string[] {
  const answers = [...row.answers]
  if (!answers.some(answer => answer.opcode === CLOSE)) answers.push(closed(1000))
  const lines = answers.map(({ opcode, payload, code }) => opcode === CLOSE ? `close ${code}` : line(opcode, payload))
  return [...lines, 'end']
}

/** What happens, in lines. */
async function play (endpoint: Endpoint, row: Row, way: Way): Promise<string[]> {
  const peer = await endpoint.open(row)
  const ending = row.answers.find(answer => answer.opcode === CLOSE)
  const steps = ending === undefined ? [...row.peer, close(1000)] : row.peer
  const closes = ending?.failed !== true
  const notes = await converse(peer, endpoint, closes, notes => send(peer, endpoint, steps, way, notes))
  return [...peer.frames.map(frame => describe(frame, endpoint.role === 'client')), ...notes, 'end']
}

/**
 * Sends, then waits for the end of the connection.
 *
 * @param closes whether the peer closes the connection
 * @returns what was wrong, besides the frames that came back
 */
export async function converse (
  peer: Peer, { role }: Endpoint, closes: boolean, send: (notes: string[]) => Promise<void>
): Promise<string[]> {
  const notes: string[] = []
  const timer = setTimeout(() => {
    notes.push(`nothing happens for ${PATIENCE} ms`)
    peer.destroy()
  }, PATIENCE)
  peer.onProgress = () => timer.refresh()
  await send(notes)
  if (role === 'client' && closes) await endFirst(peer, notes)
  await peer.until(() => false)
  clearTimeout(timer)
  peer.onProgress = () => {}
  if (peer.rest > 0) notes.push(`${peer.rest} bytes behind the last frame`)
  if (peer.error !== null) notes.push(`${peer.error.code}`)
  peer.destroy()
  return notes
}

async function send (peer: Peer, endpoint: Endpoint, steps: readonly Step[], way: Way, notes: string[]): Promise<void> {
  let frames: Buffer[] = []
  const flush = async (): Promise<void> => {
    if (frames.length > 0) await write(peer, frames, way)
    frames = []
  }
  for (const step of steps) {
    if ('opcode' in step) {
      frames.push(encode(step, endpoint.role === 'server'))
      continue
    }
    await flush()
    if ('wait' in step) await peer.until(() => peer.frames.length >= step.wait)
    else await keepsSilent(peer, step.silence, notes)
  }
  await flush()
}

export async function write (peer: Peer, frames: Buffer[], way: Way): Promise<void> {
  let pieces = 0
  for (const piece of way.cut(frames)) {
    if (pieces++ > 0) await peer.arrived()
    if (peer.ended) break
    peer.write(piece)
  }
}

async function keepsSilent (peer: Peer, answers: number, notes: string[]): Promise<void> {
  await peer.arrived()
  await peer.until(() => peer.frames.length >= answers)
  await turns()
  if (peer.frames.length > answers) notes.push(`an answer came too early, at ${answers}`)
}

/** RFC 6455 §7.1.1: the server is the first to end the transport; a client waits for it. */
async function endFirst (peer: Peer, notes: string[]): Promise<void> {
  await peer.until(() => peer.frames.some(frame => frame.opcode === CLOSE))
  await turns()
  if (peer.ended) notes.push('the client did not wait for the server to end the connection')
  peer.end()
}

/** What an endpoint does at once it has done by then. */
async function turns (): Promise<void> {
  for (let i = 0; i < 3; i++) await turn()
}

/** A frame in a line, with everything that is wrong with any frame of this endpoint. */
export function describe (frame: WireFrame, isClient: boolean): string {
  const { fin, rsv, opcode, payload, masked, size } = frame
  const faults = [
    !fin && 'not final', rsv !== 0 && `RSV ${rsv}`,
    masked !== isClient && (masked ? 'masked' : 'not masked'),
    size !== 2 + fewest(payload.length) + (masked ? 4 : 0) + payload.length && 'its length not in the fewest bytes',
    opcode === CLOSE && (payload.length === 1 || !isUtf8(payload.subarray(2))) && 'a malformed close',
    opcode >= CLOSE && payload.length > 125 && 'too long for a control frame'
  ].filter(fault => fault !== false)
  const what = opcode === CLOSE
    ? `close ${payload.length < 2 ? 1005 : payload.readUInt16BE(0)}`
    : line(opcode, payload)
  return [what, ...faults].join(', ')
}

export function line (opcode: number, payload: Buffer): string {
  const shown = payload.length <= 40 ? payload.toString('hex') : createHash('sha1').update(payload).digest('hex')
  return `${NAMES[opcode] ?? `opcode ${opcode}`} of ${payload.length} bytes: ${shown}`
}
