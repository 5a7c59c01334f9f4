import { randomBytes, randomInt } from 'node:crypto'

/** A position: which life of the topic, which message, and what tells it from another one that ever has the same number. */
export interface Position {
  readonly epoch: string
  readonly seq: number
  /** From 1 to 2³² - 1; 0 in front of the first message. */
  readonly tag: number
}

const POSITION = /^([0-9a-z]{1,40})-(0|[1-9a-z][0-9a-z]{0,10})-(0|[1-9a-z][0-9a-z]{0,6})$/

export function positionText (epoch: string, seq: number, tag: number): string {
  return `${epoch}-${seq.toString(36)}-${tag.toString(36)}`
}

/** @returns null: this text was never a position */
export function parsePosition (text: string): Position | null {
  const match = POSITION.exec(text)
  if (match === null) return null
  const seq = parseInt(match[2]!, 36)
  const tag = parseInt(match[3]!, 36)
  return Number.isSafeInteger(seq) && tag < 2 ** 32 ? { epoch: match[1]!, seq, tag } : null
}

/** An entry of a stream: `17-3405691582`. */
export function parseEntry (id: Buffer): { seq: number, tag: number } {
  const [seq, tag] = id.toString('latin1').split('-')
  return { seq: Number(seq), tag: Number(tag) }
}

/** A new one for each message: a store that comes back with an older state uses numbers again, but hardly ever with the same tag. */
export function randomTag (): number {
  return 1 + Math.floor(Math.random() * (2 ** 32 - 1))
}

/** Short texts of digits and lower-case letters, each another one, in all processes. */
export class UniqueTexts {
  readonly #start = randomBytes(6).readUIntBE(0, 6).toString(36)
  #next = randomInt(36 ** 2)

  next (): string {
    return `${this.#start}${(this.#next++).toString(36)}`
  }
}
