/* What a client says: messages with numbers, others that a route refuses, and bytes that are against every rule. */
import { anyCompressedStream } from '../differential/compressed-streams.ts'
import { controlPayload, invalidText, validClose } from '../differential/payloads.ts'
import type { Random } from '../differential/random.ts'
import { anyStream } from '../differential/streams.ts'
import { anyMessage, stringify } from '../soak/messages.ts'
import { compressed, deflate, RSV1 } from '../support/deflate.ts'
import { masked } from '../support/frames.ts'
import { BINARY, CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import type { RoutePlan } from './plan.ts'

/** What every message costs in the queue of a handler, besides its payload: see `maxQueued`. */
const ENTRY_COST = 64
/** Zeros that a kilobyte stands for, and the least that can be said in a compressed frame. */
const BOMB = masked(TEXT, deflate(Buffer.alloc(1_000_000)), { rsv: RSV1 })
const SPARK = masked(TEXT, deflate('a'), { rsv: RSV1 })

export class Speech {
  /** The number of the latest message that the server may take. */
  n = 0
  /** By number, what has been said. */
  readonly said = new Map<number, string>()
  isDeflated = false
  readonly #random: Random
  readonly #route: RoutePlan

  constructor (random: Random, route: RoutePlan) {
    this.#random = random
    this.#route = route
  }

  /** The next message, in one frame or in many, compressed or not, with control frames in between. */
  message (): Buffer {
    const random = this.#random
    const n = ++this.n
    let text = anyMessage(n, random)
    const { maxPayload = 1024 * 1024 } = this.#route.ws
    if (Buffer.byteLength(text) > maxPayload) text = stringify(n, 'short')
    this.said.set(n, text)
    const opcode = !this.#route.takesJson && random.chance(0.3) ? BINARY : TEXT
    const isDeflated = this.isDeflated && random.chance(0.6)
    const payload = isDeflated ? deflate(text) : Buffer.from(text)
    const rsv = isDeflated ? RSV1 : 0
    if (random.chance(0.8)) return masked(opcode, payload, { rsv })
    const parts: Buffer[] = []
    for (let left = 1 + random.int(4), at = 0; left > 0; left--) {
      const end = left === 1 ? payload.length : at + random.int(payload.length - at + 1)
      const fin = left === 1
      const isFirst: boolean = parts.length === 0
      parts.push(masked(isFirst ? opcode : 0, payload.subarray(at, end), { fin, rsv: isFirst ? rsv : 0 }))
      if (!fin && random.chance(0.2)) parts.push(this.control())
      at = end
    }
    return Buffer.concat(parts)
  }

  /** More than the queue of a handler holds, that does not take any. */
  flood (): Buffer {
    const { maxQueued = 64 * 1024 } = this.#route.ws
    const enough = maxQueued * (1 + this.#random.int(100) / 100) + ENTRY_COST
    const frames = []
    for (let cost = 0; cost <= enough;) {
      const frame = this.message()
      cost += this.said.get(this.n)!.length + ENTRY_COST
      frames.push(frame)
    }
    return Buffer.concat(frames)
  }

  /** What a route with a schema does not take, and others as any message. */
  refused (): Buffer {
    const random = this.#random
    switch (random.int(6)) {
      case 0: return masked(TEXT, '{"n":')
      case 1: return masked(TEXT, '[1]')
      case 2: return masked(TEXT, `{"n":"no number","text":"${'x'.repeat(random.int(300))}"}`)
      case 3: return masked(TEXT, '{"n":-1,"__proto__":{},"text":""}')
      case 4: return masked(BINARY, random.bytes(random.int(100)))
      default: return this.isDeflated ? compressed(TEXT, '{"text":""}') : masked(TEXT, '{"text":""}')
    }
  }

  control (): Buffer {
    const payload = controlPayload(this.#random)
    return masked(this.#random.chance(0.7) ? PING : PONG, payload)
  }

  close (): Buffer {
    return masked(CLOSE, validClose(this.#random))
  }

  /** Whatever: some of it is right, or begins so. */
  broken (): Buffer {
    const random = this.#random
    const kind = random.int(10)
    if (kind === 0) return masked(TEXT, invalidText(random))
    if (kind === 1) return masked(random.pick([3, 7, 11, 15]), 'reserved')
    if (kind === 2) return masked(TEXT, 'x', { announced: random.pick([1n << 62n, 1n << 63n, 1n << 32n]) })
    if (kind === 3) return masked(0, 'of nothing')
    for (let tries = 0; tries < 20; tries++) {
      const { role, bytes } = kind < 6 ? anyCompressedStream(random) : anyStream(random)
      if (role === 'server') return bytes
    }
    return random.bytes(random.int(100))
  }

  /** Much work for few bytes. */
  heavy (): Buffer {
    const random = this.#random
    const many = (frame: Buffer, most: number): Buffer => Buffer.concat(Array(1 + random.int(most)).fill(frame))
    const kinds = [
      () => many(masked(PING), 20_000),
      () => many(masked(PING, random.bytes(125)), 2000),
      () => many(masked(TEXT, 'a'), 20_000),
      () => many(masked(TEXT, 'é'), 20_000),
      () => many(masked(TEXT, '{"a":""}'), 10_000),
      () => many(masked(TEXT, '', { fin: false }), 1),
      () => masked(TEXT, '['.repeat(20_000) + ']'.repeat(20_000)),
      () => masked(TEXT, `{"n":"x","${'k'.repeat(100_000)}":1}`),
      ...this.isDeflated ? [() => many(BOMB, 200), () => many(SPARK, 10_000), () => many(BOMB, 20)] : []
    ]
    return random.pick(kinds)()
  }
}
