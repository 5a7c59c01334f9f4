import type { Role } from '../../lib/protocol/frame-decoder.ts'
import { frame } from '../support/frames.ts'
import { BINARY } from '../support/opcodes.ts'
import { anyClose, anyPayload, controlPayload, invalidText, validClose, validText } from './payloads.ts'
import type { Random } from './random.ts'

/** What one peer sends in one connection. */
export interface Stream {
  role: Role
  maxPayload: number
  bytes: Buffer
}

const EDGES = Buffer.from('00010208090a3f407d7e7f8081828889fdfeff', 'hex')

export function anyStream (random: Random): Stream {
  const role = random.pick(['server', 'client'] as const)
  const maxPayload = random.pick([125, 1000, 65_536, 1024 * 1024])
  return { role, maxPayload, bytes: new Sender(random, role).any() }
}

/** Where the transport cuts the bytes. */
export function cut (random: Random, bytes: Buffer): Buffer[] {
  const most = random.pick([1, 3, 20, bytes.length, bytes.length])
  const chunks = []
  for (let at = 0; at < bytes.length;) {
    // A large stream byte by byte would take all the time.
    const length = 1 + random.int(Math.max(most, bytes.length >> 8))
    chunks.push(bytes.subarray(at, at + length))
    at += length
  }
  return chunks
}

class Sender {
  readonly #random: Random
  readonly #masked: boolean

  constructor (random: Random, role: Role) {
    this.#random = random
    this.#masked = role === 'server'
  }

  any (): Buffer {
    const kind = this.#random.int(20)
    if (kind < 4) return this.#conversation()
    if (kind < 8) return this.#frames()
    if (kind < 10) return this.#noise()
    if (kind < 14) return this.#mutated(this.#conversation())
    if (kind < 17) return this.#mutated(this.#frames())
    if (kind < 18) return Buffer.concat([this.#some(), this.#hostileHeader().subarray(0, 1 + this.#random.int(14))])
    return this.#spliced(this.#some(), this.#some())
  }

  #some (): Buffer {
    return this.#random.chance(0.5) ? this.#conversation() : this.#frames()
  }

  #noise (): Buffer {
    const bytes = this.#random.bytes(this.#random.int(100))
    // Few random streams would get past the second byte otherwise.
    if (bytes.length > 1) {
      bytes[0] = 0x80 | this.#random.int(16)
      bytes[1] = (bytes[1]! & 0x7f) | (this.#masked ? 0x80 : 0)
    }
    return bytes
  }

  /** Nothing wrong, except with the payload now and then. */
  #conversation (): Buffer {
    const parts = []
    for (let left = 1 + this.#random.int(5); left > 0; left--) parts.push(...this.#message())
    if (this.#random.chance(0.4)) {
      parts.push(this.#frame(8, this.#random.chance(0.5) ? validClose(this.#random) : anyClose(this.#random)))
      if (this.#random.chance(0.5)) parts.push(this.#frame(1, 'after the end'), this.#noise())
    }
    return Buffer.concat(parts)
  }

  #message (): Buffer[] {
    const random = this.#random
    if (random.chance(0.2)) return [this.#control()]
    const isText = random.chance(0.6)
    const payload = !isText ? anyPayload(random) : random.chance(0.12) ? invalidText(random) : validText(random)
    const frames: Buffer[] = []
    let at = 0
    for (let left = random.chance(0.5) ? 0 : 1 + random.int(5); left > 0; left--) {
      const end = at + random.int(payload.length - at + 1)
      frames.push(this.#frame(frames.length > 0 ? 0 : isText ? 1 : BINARY, payload.subarray(at, end), false))
      at = end
    }
    frames.push(this.#frame(frames.length > 0 ? 0 : isText ? 1 : BINARY, payload.subarray(at)))
    return frames.flatMap(one => random.chance(0.15) ? [this.#control(), one] : [one])
  }

  #control (): Buffer {
    return this.#frame(this.#random.pick([9, 10]), controlPayload(this.#random))
  }

  /** Frames that do not care for what came before, each with a small chance to be wrong in itself. */
  #frames (): Buffer {
    const parts = []
    let open = false
    for (let left = 1 + this.#random.int(7); left > 0; left--) {
      const random = this.#random
      const fin = random.chance(0.6)
      const sequel = random.chance(0.9) ? open : !open
      const data = sequel ? 0 : random.pick([1, BINARY])
      const opcode = random.chance(0.3) ? random.pick([9, 10]) : random.chance(0.05) ? 8 : data
      if (opcode < 8) open = !fin
      parts.push(random.chance(0.02) ? this.#hostileHeader() : this.#looseFrame(opcode, fin))
    }
    return Buffer.concat(parts)
  }

  #looseFrame (opcode: number, fin: boolean): Buffer {
    const random = this.#random
    const payload = opcode === 8
      ? anyClose(random)
      : opcode > 8 ? controlPayload(random) : random.chance(0.8) ? validText(random) : anyPayload(random)
    return frame(random.chance(0.02) ? random.int(16) : opcode, payload, {
      fin: random.chance(0.02) ? !fin : opcode >= 8 || fin,
      rsv: random.chance(0.02) ? random.int(8) : 0,
      masked: random.chance(0.01) ? !this.#masked : this.#masked,
      key: [...random.bytes(4)],
      ...(random.chance(0.03) && payload.length < 65_536 ? { lengthBytes: random.pick([2, 8] as const) } : {})
    })
  }

  /** A header that announces anything, and what may be taken for its payload. */
  #hostileHeader (): Buffer {
    const random = this.#random
    const lengthBytes = random.pick([0, 2, 8, 8])
    const length = Buffer.alloc(lengthBytes)
    if (random.chance(0.7)) random.bytes(2).copy(length, Math.max(0, lengthBytes - 3))
    if (lengthBytes > 0 && random.chance(0.3)) length[0] = random.pick(EDGES)
    const first = (random.chance(0.8) ? 0x80 : 0) | random.pick([0, 0, 1, BINARY, 8, 8, 9])
    const short = lengthBytes === 0 ? random.pick([0, 1, 1, 2, 125]) : lengthBytes === 2 ? 126 : 127
    const second = (this.#masked ? 0x80 : 0) | short
    return Buffer.concat([Buffer.from([first, second]), length, random.bytes(random.int(20))])
  }

  #frame (opcode: number, payload: string | Uint8Array, fin = true): Buffer {
    return frame(opcode, payload, { fin, masked: this.#masked, key: [...this.#random.bytes(4)] })
  }

  #mutated (bytes: Buffer): Buffer {
    for (let left = 1 + this.#random.int(3); left > 0; left--) bytes = this.#mutate(bytes)
    return bytes
  }

  #mutate (bytes: Buffer): Buffer {
    const random = this.#random
    const at = random.int(bytes.length + 1)
    const length = 1 + random.int(random.chance(0.7) ? 4 : 40)
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
    switch (random.int(6)) {
      case 0: return before
      case 1: return Buffer.concat([before, after.subarray(length)])
      case 2: return Buffer.concat([before, random.bytes(length), after])
      case 3: return Buffer.concat([before, after.subarray(0, length), after])
      case 4: return changed(bytes, at, byte => byte ^ 1 << random.int(8))
      default: return changed(bytes, at, () => random.pick(EDGES))
    }
  }

  #spliced (first: Buffer, second: Buffer): Buffer {
    return Buffer.concat([
      first.subarray(0, this.#random.int(first.length + 1)), second.subarray(this.#random.int(second.length + 1))
    ])
  }
}

function changed (bytes: Buffer, at: number, change: (byte: number) => number): Buffer {
  const copy = Buffer.from(bytes)
  if (at < copy.length) copy[at] = change(copy[at]!)
  return copy
}
