import type { Transform } from 'node:stream'
import { createDeflateRaw, createInflateRaw } from 'node:zlib'
import type { Test } from 'tap'
import { Deflater } from '../../lib/deflate/deflater.ts'
import { Inflater } from '../../lib/deflate/inflater.ts'
import type { DeflateSettings, Direction } from '../../lib/deflate/negotiate.ts'
import { generator, noise } from '../support/splits.ts'

export const KIB = 1024
export const MIB = 1024 * KIB

/** What is done in the calling thread, at most. */
export const SYNC = 16 * KIB

/** What the threads of the pool leave behind for those who come next, at most. */
export const IDLE = 4

/** Larger than what is done in the calling thread. */
export const LARGE = 40 * KIB

export function hex (digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex')
}

/** What has become of a message, and whether it came at once. */
export interface Result {
  message: Buffer
  atOnce: boolean
}

/** What a caller gives and gets back, one message at a time; a failure rejects. */
interface Pending {
  resolve: (message: Buffer) => void
  reject: (error: Error) => void
}

class Caller {
  /** Calls of the host that nobody waits for. */
  unexpected = 0
  #pending: Pending | null = null

  async call (give: () => Buffer | null): Promise<Result> {
    const message = give()
    if (message !== null) return { message, atOnce: true }
    const later = await new Promise<Buffer>((resolve, reject) => { this.#pending = { resolve, reject } })
    return { message: later, atOnce: false }
  }

  came (message: Buffer): void {
    if (this.#pending === null) this.unexpected++
    this.#pending?.resolve(message)
    this.#pending = null
  }

  failed (error: Error): void {
    if (this.#pending === null) this.unexpected++
    this.#pending?.reject(error)
    this.#pending = null
  }
}

/** An inflater with its host. */
export class Inflating {
  readonly #caller = new Caller()
  readonly #inflater: Inflater

  constructor ({ contextTakeover = false, windowBits = 15 }: Partial<Direction> = {}, maxPayload = MIB) {
    this.#inflater = new Inflater({ contextTakeover, windowBits }, maxPayload, {
      onInflated: message => this.#caller.came(message),
      onInflateFailed: error => this.#caller.failed(error)
    })
  }

  /** Calls of the host that came after `close`. */
  get unexpected (): number {
    return this.#caller.unexpected
  }

  /** Lends the bytes only for the call. */
  async inflate (data: Uint8Array): Promise<Result> {
    return this.#caller.call(() => {
      const lent = Buffer.from(data)
      const message = this.#inflater.inflate(lent)
      if (lent.length > 0) lent.fill(0xaa)
      return message
    })
  }

  close (): void {
    this.#inflater.close()
  }
}

/** A deflater with its host. */
export class Deflating {
  readonly #caller = new Caller()
  readonly #deflater: Deflater

  constructor (
    { contextTakeover = false, windowBits = 15 }: Partial<Direction> = {}, settings: Partial<DeflateSettings> = {}
  ) {
    const all = { threshold: 0, level: 1, memLevel: 8, contextTakeover, windowBits, ...settings }
    this.#deflater = new Deflater({ contextTakeover, windowBits }, all, {
      onDeflated: data => this.#caller.came(data),
      onDeflateFailed: error => this.#caller.failed(error)
    })
  }

  /** Calls of the host that came after `close`. */
  get unexpected (): number {
    return this.#caller.unexpected
  }

  async deflate (message: Buffer): Promise<Result> {
    return this.#caller.call(() => this.#deflater.deflate(message))
  }

  close (): void {
    this.#deflater.close()
  }
}

/** A block with no compression (RFC 1951 §3.2.4). */
export function block (content: Buffer, isFinal = false): Buffer {
  const header = Buffer.alloc(5)
  header[0] = isFinal ? 1 : 0
  header.writeUInt16LE(content.length, 1)
  header.writeUInt16LE(~content.length & 0xffff, 3)
  return Buffer.concat([header, content])
}

/** What is left of an empty block with no compression when the sender has cut off its end (RFC 7692 §7.2.1). */
export const END = hex('00')

/** What most messages look like. */
export function json (length: number): Buffer {
  const next = generator(length)
  let text = ''
  for (let id = 0; text.length < length; id++) {
    text += JSON.stringify({ id, name: `user ${id}`, price: next(), tags: ['a', 'bb', 'ccc'], isNew: id % 3 === 0 })
  }
  return Buffer.from(text.slice(0, length))
}

/** Bytes of which a fiftieth is left, so that a few KiB of data become large. */
export function swelling (length: number): Buffer {
  const message = Buffer.alloc(length, 'swell')
  for (let at = 0; at < length; at += 2000) noise(20, at).copy(message, at)
  return message
}

/** Noise that comes again after so many bytes. */
export function repeated (distance: number): Buffer {
  const once = noise(distance, distance)
  return Buffer.concat([once, once])
}

/** What does the work in the classes of node:zlib: in the calling thread, and in the thread pool. */
interface Workings {
  _processChunk (chunk: Buffer, flush: number): Buffer
  _transform (chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void
}

const PROTOTYPES: Record<'deflate' | 'inflate', Workings> = {
  deflate: Object.getPrototypeOf(createDeflateRaw()),
  inflate: Object.getPrototypeOf(createInflateRaw())
}

/** Puts something else in the place of node:zlib's own until the test ends, or until what it returns is called. */
export function replaceZlib (t: Test, kind: 'deflate' | 'inflate', replacement: Partial<Workings>): () => void {
  const prototype = PROTOTYPES[kind] as Partial<Workings>
  Object.assign(prototype, replacement)
  const restore = (): void => {
    delete prototype._processChunk
    delete prototype._transform
  }
  t.teardown(restore)
  return restore
}

/** What node:zlib did during a test. */
export interface Watched {
  /** All that were at work. */
  streams: Set<Transform>
  /** How many worked in the thread pool at the same time, at most. */
  busiest: number
}

/** How many of them still hold memory. */
export function left ({ streams }: Watched): number {
  return [...streams].filter(stream => !stream.destroyed).length
}

export function watchZlib (t: Test, kind: 'deflate' | 'inflate'): Watched {
  const { _processChunk, _transform } = PROTOTYPES[kind]
  const watched: Watched = { streams: new Set(), busiest: 0 }
  let busy = 0
  replaceZlib(t, kind, {
    _processChunk (this: Transform, chunk, flush) {
      watched.streams.add(this)
      return _processChunk.call(this, chunk, flush)
    },
    _transform (this: Transform, chunk, encoding, done) {
      watched.streams.add(this)
      watched.busiest = Math.max(watched.busiest, ++busy)
      _transform.call(this, chunk, encoding, error => {
        busy--
        done(error)
      })
    }
  })
  return watched
}
