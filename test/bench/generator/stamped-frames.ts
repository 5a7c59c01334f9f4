import { FIN } from './payloads.ts'
import { TEXT } from '../../support/opcodes.ts'
import { DIGITS } from '../stamped.ts'

const ZERO = 0x30

/** Finds the frames of one connection, whatever their size, and in each of them the time at which it was published. */
export class StampedFrames {
  readonly #stampAt: number
  #rest: Buffer = Buffer.alloc(0)

  /** @param stampAt where in the payload the time begins */
  constructor (stampAt: number) {
    this.#stampAt = stampAt
  }

  /** Calls back with the time of each frame that these bytes complete, and tells how many that are. */
  push (piece: Buffer, each: (sent: number) => void): number {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    let complete = 0
    let at = 0
    while (bytes.length - at >= 4) {
      const isLong = bytes[at + 1] === 126
      const start = at + (isLong ? 4 : 2)
      const end = start + (isLong ? bytes.readUInt16BE(at + 2) : bytes[at + 1]!)
      if (bytes[at] !== (FIN | TEXT) || bytes[at + 1]! > 126) throw new Error('that is no publication')
      if (end > bytes.length) break
      each(stampOf(bytes, start + this.#stampAt))
      complete++
      at = end
    }
    // A copy: the piece is in a buffer that all connections are read into.
    this.#rest = Buffer.from(bytes.subarray(at))
    return complete
  }
}

function stampOf (bytes: Buffer, at: number): number {
  let time = 0
  for (let i = at; i < at + DIGITS; i++) time = time * 10 + bytes[i]! - ZERO
  return time
}
