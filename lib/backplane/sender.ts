import { randomBytes } from 'node:crypto'

/** Bytes of a sender's name, and of a number behind it. */
const NAME = 8
const NUMBER = 6
const HEADER = NAME + NUMBER

/** Numbers what a process sends, so that it knows what comes back to it. */
export class Sender {
  /** Bytes that must be free in front of what is to be signed. */
  static readonly ROOM = HEADER

  readonly #name = randomBytes(NAME)
  readonly #text = this.#name.toString('hex')
  #n = 0

  next (): number {
    return ++this.#n
  }

  /** What stands for a position where nothing can be resumed. */
  at (n: number): string {
    return positionOf(this.#text, n)
  }

  /** Writes the sender and the number into the room in front. */
  sign (n: number, bytes: Buffer): void {
    this.#name.copy(bytes)
    bytes.writeUIntBE(n, NAME, NUMBER)
  }

  isOwn (signed: Buffer): boolean {
    return this.#name.compare(signed, 0, NAME) === 0
  }
}

/** What was sent by any process. */
export interface Signed {
  /** Its number, if this process has sent it; null: another has. */
  readonly own: number | null
  readonly at: string
  readonly body: Uint8Array
}

/** @param signed any bytes: something else may write to the store */
export function readFrom (signed: Uint8Array, sender: Sender): Signed {
  const bytes = Buffer.from(signed.buffer, signed.byteOffset, signed.byteLength)
  if (bytes.length < HEADER) return { own: null, at: '', body: bytes }
  const n = bytes.readUIntBE(NAME, NUMBER)
  return {
    own: sender.isOwn(bytes) ? n : null,
    at: positionOf(bytes.toString('hex', 0, NAME), n),
    body: bytes.subarray(HEADER)
  }
}

function positionOf (sender: string, n: number): string {
  return `${sender}-${n.toString(36)}`
}
