import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'tap'
import { compressed, OFFER } from '../support/deflate.ts'
import { masked } from '../support/frames.ts'
import { BINARY, TEXT } from '../support/opcodes.ts'
import { RawClient } from '../support/raw-client.ts'
import type { Figures, Question } from './memory-server.ts'
import { KIB, MIB, startServer } from './support.ts'

const CLIENTS = 5

/** In which the server has read what it will read. */
const PATIENCE = 20_000

/* What SECURITY.md says that a client can make the server hold, with default options. */
const MAX_PAYLOAD = MIB
const MAX_QUEUED = 64 * KIB
const MAX_BUFFERED = MIB
/** What one read brings at most. */
const READ = 512 * KIB
/** What a connection takes besides, and what a measurement is wrong by for each of five: 7 KiB, over HTTP/2 some 30. */
const BESIDES = 64 * KIB

const FEW = MAX_QUEUED + READ + BESIDES
const ONE_MESSAGE = MAX_PAYLOAD + FEW
const TWICE = MAX_PAYLOAD + ONE_MESSAGE
/** With the message that is being compressed, and what it is compressed to. */
const UNREAD = MAX_BUFFERED + 2 * 64 * KIB + BESIDES

interface Case {
  name: string
  url: string
  /** What comes after a first message, which makes the handler busy. */
  bytes: () => Buffer
  /** What the server may hold of it for each client. */
  most: number
  /** Whether the client offers to compress. */
  compressed?: boolean
}

function twice (frame: Buffer): Buffer {
  return Buffer.concat([frame, frame])
}

/** As much as many reads bring. */
function many (frame: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: Math.ceil(2 * MIB / frame.length) }, () => frame))
}

const NESTED = '['.repeat(MIB / 2) + ']'.repeat(MIB / 2)
const WIDE = `[${'1,'.repeat(MIB / 2 - 2)}1]`
const OBJECTS = `[${'{},'.repeat(MIB / 3 - 2)}{}]`
const NOT_LATIN = `€${'a'.repeat(MIB - 3)}`
const NONE = Buffer.alloc(0)

const CASES: Case[] = [
  { name: 'text', url: '/raw', bytes: () => twice(masked(TEXT, 'a'.repeat(MIB))), most: ONE_MESSAGE },
  {
    name: 'text kept with two bytes a character', url: '/raw',
    bytes: () => twice(masked(TEXT, NOT_LATIN)), most: TWICE
  },
  {
    name: 'text that nobody takes yet', url: '/nobody',
    bytes: () => twice(masked(TEXT, 'a'.repeat(MIB))), most: ONE_MESSAGE
  },
  { name: 'binary', url: '/raw', bytes: () => twice(masked(BINARY, Buffer.alloc(MIB))), most: ONE_MESSAGE },
  {
    name: 'binary that is not complete', url: '/raw',
    bytes: () => masked(BINARY, Buffer.alloc(MIB)).subarray(0, -1), most: TWICE
  },
  {
    name: 'a string as JSON', url: '/json',
    bytes: () => twice(masked(TEXT, `"${'a'.repeat(MIB - 2)}"`)), most: ONE_MESSAGE
  },
  { name: 'nested JSON', url: '/json', bytes: () => twice(masked(TEXT, NESTED)), most: ONE_MESSAGE },
  { name: 'a wide array', url: '/json', bytes: () => twice(masked(TEXT, WIDE)), most: ONE_MESSAGE },
  { name: 'an array of objects', url: '/json', bytes: () => twice(masked(TEXT, OBJECTS)), most: ONE_MESSAGE },
  {
    name: 'JSON that the schema does not take', url: '/attached',
    bytes: () => twice(masked(TEXT, WIDE)), most: ONE_MESSAGE
  },
  {
    name: 'bombs', url: '/raw',
    bytes: () => many(compressed(BINARY, Buffer.alloc(MIB))), most: TWICE, compressed: true
  },
  { name: 'bombs of text', url: '/raw', bytes: () => many(compressed(TEXT, NOT_LATIN)), most: TWICE, compressed: true },
  { name: 'bombs of JSON', url: '/json', bytes: () => many(compressed(TEXT, OBJECTS)), most: TWICE, compressed: true },
  { name: 'empty texts', url: '/raw', bytes: () => many(masked(TEXT)), most: FEW },
  { name: 'texts of one character', url: '/raw', bytes: () => many(masked(TEXT, 'é')), most: FEW },
  { name: 'texts of three that are not Latin', url: '/raw', bytes: () => many(masked(TEXT, '€€€')), most: FEW },
  { name: 'empty binary messages', url: '/raw', bytes: () => many(masked(BINARY)), most: FEW },
  { name: 'binary messages of one byte', url: '/raw', bytes: () => many(masked(BINARY, 'a')), most: FEW },
  {
    name: 'binary messages of 100 bytes', url: '/raw',
    bytes: () => many(masked(BINARY, Buffer.alloc(100))), most: FEW
  },
  { name: 'short JSON', url: '/json', bytes: () => many(masked(TEXT, '[]')), most: FEW },
  {
    name: 'short JSON, compressed', url: '/json',
    bytes: () => many(compressed(TEXT, '[]')), most: FEW, compressed: true
  },
  { name: 'what is not read', url: '/feed', bytes: () => NONE, most: UNREAD },
  { name: 'what is compressed and not read', url: '/feed', bytes: () => NONE, most: UNREAD, compressed: true }
]

class Server {
  readonly #child: ChildProcess
  readonly port: number

  constructor (child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  async ask (question: Question): Promise<Figures> {
    this.#child.send(question)
    return (await once(this.#child, 'message'))[0]
  }

  /** @param what the server is waited for to have done */
  async until (what: string, isTrue: (figures: Figures) => boolean): Promise<void> {
    const end = performance.now() + PATIENCE
    while (!isTrue(await this.ask('figures'))) {
      if (performance.now() > end) throw new Error(`after ${PATIENCE} ms it is still not so that ${what}`)
    }
  }

  /** Ends all connections. */
  async clear (): Promise<void> {
    await this.ask('terminate')
    await this.until('nobody is left', ({ size }) => size === 0)
  }

  /** It has read, or sent, all that it will for now. */
  async rest (): Promise<void> {
    let last = await this.ask('figures')
    for (let same = 0; same < 3;) {
      await wait(10)
      const figures = await this.ask('figures')
      same = figures.bytesIn === last.bytesIn && figures.bytesOut === last.bytesOut ? same + 1 : 0
      last = figures
    }
  }

  async held (): Promise<number> {
    return (await this.ask('collect')).held
  }
}

test('what clients make the server hold is what SECURITY.md says, whatever they send', async t => {
  const { child, port } = await startServer(t, 'memory-server.js')
  const server = new Server(child, port)

  async function open ({ url, compressed }: Case): Promise<RawClient> {
    const client = await RawClient.open(port, url, compressed === true ? OFFER : {})
    // What is not read is the case; of the others nothing comes.
    client.socket.pause()
    return client
  }

  async function hold (one: Case, count: number): Promise<RawClient[]> {
    const bytes = one.bytes()
    const { busy } = await server.ask('figures')
    const clients = await Promise.all(Array.from({ length: count }, () => open(one)))
    for (const client of clients) {
      client.send(TEXT, '0')
      client.write(bytes)
    }
    await server.until('every handler is busy', figures => figures.busy === busy + count)
    await server.rest()
    return clients
  }

  async function clear (clients: RawClient[]): Promise<void> {
    await server.clear()
    for (const client of clients) client.reset()
  }

  // What the code itself takes is not counted.
  const kinds = new Map(CASES.map(one => [`${one.url} ${one.compressed}`, one]))
  for (const one of kinds.values()) await clear(await hold(one, 1))
  for (const one of CASES) {
    const before = await server.held()
    const clients = await hold(one, CLIENTS)
    const each = (await server.held() - before) / CLIENTS
    t.ok(each <= one.most, `${one.name}: ${kib(each)} KiB of ${kib(one.most)} for each client`)
    await clear(clients)
  }
})

function kib (bytes: number): number {
  return Math.round(bytes / KIB)
}
