import { deflate, RSV1 } from '../support/deflate.ts'
import { masked } from '../support/frames.ts'
import { BINARY, CONTINUATION, PING, PONG, TEXT } from '../support/opcodes.ts'

const KIB = 1024
const MIB = 1024 * KIB
/** What is written at once. */
const PIECE = MIB
/** Clients that flood together. */
const MANY = 20

/** What a hostile client sends, over and over. */
export interface Flood {
  name: string
  /** Makes what is written at once. */
  make: () => Buffer
  /** Whether it needs compression. */
  compressed?: boolean
  /** Whether it is of single messages that the parser alone needs more time for than a turn may take. */
  large?: boolean
}

/** A flood, where it goes, and how many send it. */
export interface Siege {
  flood: Flood
  url: string
  clients: number
}

function nested (bytes: number): Buffer {
  return Buffer.from('['.repeat(bytes / 2) + ']'.repeat(bytes / 2))
}

/** A key that the parser looks for, whose finding has it look at every value. */
function withConstructor (bytes: number): Buffer {
  return Buffer.from(`{"constructor":1,"a":${nested(bytes - 30).toString()}}`)
}

/** JSON as large as a message may be, which takes long to parse. */
export const largeMessages: Array<() => Buffer> = [() => nested(MIB), () => withConstructor(MIB)]

/** As many copies as a piece has room for. */
function repeated (...frames: Buffer[]): Buffer {
  const once = Buffer.concat(frames)
  return Buffer.concat(Array.from({ length: Math.max(1, Math.floor(PIECE / once.length)) }, () => once))
}

function compressed (opcode: number, payload: Buffer | string): Buffer {
  return masked(opcode, deflate(payload), { rsv: RSV1 })
}

/** One message in so many fragments. */
function fragments (count: number, payload: string): Buffer {
  const begin = masked(TEXT, payload, { fin: false })
  const middle = masked(CONTINUATION, payload, { fin: false })
  return Buffer.concat([begin, ...Array.from({ length: count - 2 }, () => middle), masked(CONTINUATION, payload)])
}

const texts: Flood = { name: 'texts of 1 byte', make: () => repeated(masked(TEXT, 'a')) }
const empty: Flood = { name: 'empty messages', make: () => repeated(masked(BINARY)) }
const pings: Flood = { name: 'pings', make: () => repeated(masked(PING)) }
const pongs: Flood = { name: 'pongs', make: () => repeated(masked(PONG)) }
const notAscii: Flood = { name: 'texts of 2 bytes, not ASCII', make: () => repeated(masked(TEXT, 'é')) }
const binary: Flood = { name: 'binary of 1 MiB', make: () => masked(BINARY, Buffer.alloc(MIB)) }
const byteByByte: Flood = { name: 'fragments of 1 byte', make: () => repeated(fragments(100, 'a')) }
const emptyFragments: Flood = { name: 'empty fragments', make: () => repeated(fragments(100, '')) }
const json: Flood = { name: '{"a":""}', make: () => repeated(masked(TEXT, '{"a":""}')) }
const brokenJson: Flood = { name: 'what is not JSON', make: () => repeated(masked(TEXT, '{"a":')) }
const nestedJson: Flood = { name: 'nested JSON of 16 KiB', make: () => repeated(masked(TEXT, nested(16 * KIB))) }
const constructorJson: Flood = {
  name: 'a "constructor" of 16 KiB', make: () => repeated(masked(TEXT, withConstructor(16 * KIB)))
}
const largeJson: Flood = { name: 'nested JSON of 1 MiB', make: () => masked(TEXT, nested(MIB)), large: true }
const largeConstructorJson: Flood = {
  name: 'a "constructor" of 1 MiB', make: () => masked(TEXT, withConstructor(MIB)), large: true
}
const deflated: Flood = { name: 'deflated to 7 bytes', make: () => repeated(compressed(TEXT, 'a')), compressed: true }
/** As much as is inflated at once, without the thread pool. */
const bombs: Flood = {
  name: '1 KB inflated to 1 MB', make: () => repeated(compressed(BINARY, Buffer.alloc(960_000))), compressed: true
}
const largerBombs: Flood = {
  name: '1 KiB inflated to 1 MiB', make: () => repeated(compressed(BINARY, Buffer.alloc(MIB))), compressed: true
}
const textBombs: Flood = {
  name: '1 KB inflated to 1 MB of text', make: () => repeated(compressed(TEXT, 'a'.repeat(960_000))), compressed: true
}
const deflatedJson: Flood = {
  name: 'deflated JSON of 16 KiB',
  make: () => repeated(compressed(TEXT, `[${'1,'.repeat(8 * KIB)}1]`)),
  compressed: true
}
const shortDeflatedJson: Flood = {
  name: 'deflated {"a":""}', make: () => repeated(compressed(TEXT, '{"a":""}')), compressed: true
}

function to (urls: string[], floods: Flood[], clients = 1): Siege[] {
  return floods.flatMap(flood => urls.map(url => ({ flood, url, clients })))
}

const OVER_ALL: Siege[] = [
  ...to(['/listener', '/loop'], [texts]),
  ...to(['/echo'], [texts, binary]),
  ...to(['/listener'], [pings, deflated, bombs]),
  ...to(['/json/listener', '/json/loop'], [json]),
  ...to(['/json/listener'], [nestedJson, deflatedJson]),
  ...to(['/listener'], [bombs], MANY)
]

/** By the transport: over TCP each kind of flood against each kind of route that does something else with it. */
export const SIEGES: Record<string, Siege[]> = {
  tcp: [
    ...to(['/listener', '/loop', '/echo', '/loop-echo', '/late', '/slow', '/closed', '/paused'], [texts]),
    ...to(['/listener', '/late'], [empty, notAscii]),
    ...to(['/listener'], [pings, pongs, byteByByte, emptyFragments]),
    ...to(['/listener', '/echo', '/late'], [binary]),
    ...to(['/json/listener', '/json/loop', '/json/late', '/json/slow', '/json/attached'], [json]),
    ...to(['/json/listener', '/json/loop', '/json/late'], [nestedJson]),
    ...to(['/json/listener'], [constructorJson]),
    ...to(['/json/listener', '/json/loop'], [largeJson]),
    ...to(['/json/listener'], [largeConstructorJson]),
    ...to(['/refused/listener', '/refused/loop'], [json, brokenJson]),
    ...to(['/listener', '/loop', '/echo', '/late'], [deflated]),
    ...to(['/listener', '/loop', '/echo', '/loop-echo'], [bombs]),
    ...to(['/listener', '/echo'], [largerBombs]),
    ...to(['/listener'], [textBombs]),
    ...to(['/json/listener', '/json/loop', '/json/late'], [deflatedJson]),
    ...to(['/json/listener'], [shortDeflatedJson]),
    ...to(['/listener'], [texts, deflated, bombs], MANY),
    ...to(['/json/listener'], [nestedJson, deflatedJson], MANY)
  ],
  tls: OVER_ALL,
  http2: OVER_ALL
}
