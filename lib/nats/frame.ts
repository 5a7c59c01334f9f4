import { createHash, randomFillSync } from 'node:crypto'

/** The format of what this driver publishes. Processes ignore those that they do not know. */
const VERSION = 1
const HEADER = 14

/** The kinds of what is published. A mark says that nothing has been published to its topic since the position it stands for. */
export const MESSAGE = 0
export const MARK = 1

/**
 * What is published: a byte for the version, one for the kind, six for a random tag, six for the deadline, and the bytes of the
 * message, or the text of the position that a mark stands for.
 */
export interface Frame {
  readonly kind: typeof MESSAGE | typeof MARK
  /** Tells a message from any other that ever has the same number. */
  readonly tag: number
  /** Milliseconds since 1970 by the clock of the server: what gets there later counts as not published. */
  readonly deadline: number
  readonly bytes: Uint8Array
}

const random = new Uint8Array(6 * 512)
let next = random.length

/** Six random bytes. */
export function newTag (): number {
  if (next === random.length) {
    randomFillSync(random)
    next = 0
  }
  const tag = Buffer.from(random.buffer, next, 6).readUIntBE(0, 6)
  next += 6
  return tag
}

/** A tag for what another version has published. */
export function tagOf (data: Uint8Array): number {
  return createHash('sha256').update(data).digest().readUIntBE(0, 6)
}

export function encode (kind: Frame['kind'], tag: number, deadline: number, bytes: Uint8Array): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER + bytes.length)
  buffer[0] = VERSION
  buffer[1] = kind
  buffer.writeUIntBE(tag, 2, 6)
  buffer.writeUIntBE(Math.max(0, Math.ceil(deadline)), 8, 6)
  buffer.set(bytes, HEADER)
  return buffer
}

/** @returns null: another version has published it, or somebody else */
export function decode (data: Uint8Array): Frame | null {
  if (data.length < HEADER || data[0] !== VERSION || data[1]! > MARK) return null
  const header = Buffer.from(data.buffer, data.byteOffset, HEADER)
  return {
    kind: data[1] as Frame['kind'],
    tag: header.readUIntBE(2, 6),
    deadline: header.readUIntBE(8, 6),
    // A copy: the client lends a part of what it has read at once, which one small message would keep in memory.
    bytes: Buffer.from(data.subarray(HEADER))
  }
}

/** A message of a stream: its number there, and its tag. */
export interface Position {
  readonly seq: number
  readonly tag: number
}

/** As clients keep it: the stream's epoch, the number, the tag. */
export function textOf (epoch: string, { seq, tag }: Position): string {
  return `${epoch}-${seq.toString(36)}-${tag.toString(36)}`
}

/** @returns null: this is no position of that epoch */
export function positionOf (text: string, epoch: string): Position | null {
  if (text.length > 64) return null
  const parts = text.split('-')
  const position = { seq: parseInt(parts[1] ?? '', 36), tag: parseInt(parts[2] ?? '', 36) }
  return Number.isSafeInteger(position.seq) && Number.isSafeInteger(position.tag) && textOf(epoch, position) === text ? position : null
}
