import type { Numbered } from '../backplane/engine.ts'
import type { MessageForm } from '../connection/message-form.ts'
import type { Encode } from '../socket/prepared-message.ts'
import type { Publication } from './publication.ts'
import type { Variant } from './variant.ts'

/** Larger ones are not joined: a system call less is then no gain. */
const MAX_JOINED = 64 * 1024

/** Bytes that are joined for fewer subscribers come from Node's pool: a peer may keep it alive, as with any small message. */
const MANY = 16

/** A message on its way to the subscribers of a topic. */
export class Delivery<Target = unknown> {
  /** The topic. */
  readonly target: Target
  readonly numbered: Numbered<Publication>
  /** Its place among all that was published in this process. */
  readonly order: number

  constructor (target: Target, numbered: Numbered<Publication>, order: number) {
    this.target = target
    this.numbered = numbered
    this.order = order
  }

  form (encode: Encode): MessageForm {
    return this.numbered.message.form(encode, this.numbered.at)
  }
}

/** Bytes that many sockets write, and how many messages they are. */
export interface Joined {
  readonly bytes: Buffer
  readonly count: number
}

/** What was published to one topic in a turn. */
export class Batch {
  #deliveries: readonly Delivery[] | (() => readonly Delivery[])
  /** For those who get nothing else. */
  readonly #alone: Bundle

  /**
   * @param deliveries in order; a function picks them out when they are first asked for
   * @param audience how many will get it
   */
  constructor (deliveries: readonly Delivery[] | (() => readonly Delivery[]), audience: number) {
    this.#deliveries = deliveries
    this.#alone = new Bundle(null, this, audience)
  }

  get deliveries (): readonly Delivery[] {
    if (typeof this.#deliveries === 'function') this.#deliveries = this.#deliveries()
    return this.#deliveries
  }

  /** What somebody gets who gets that bundle already. */
  behind (bundle: Bundle | null): Bundle {
    return bundle === null ? this.#alone : bundle.with(this)
  }
}

/** What a socket gets at the end of a turn. Sockets that get the same share one bundle, whose bytes are joined once. */
export class Bundle {
  readonly #before: Bundle | null
  readonly #batch: Batch
  readonly #audience: number
  #deliveries: readonly Delivery[] | null = null
  /** This bundle with the batch that was last put behind it: batches are handed out one after the other. */
  #longer: Bundle | null = null
  #variant: Variant | null = null
  #joined: Joined | null = null
  #others: Map<Variant, Joined | null> | null = null

  constructor (before: Bundle | null, batch: Batch, audience: number) {
    this.#before = before
    this.#batch = batch
    this.#audience = audience
  }

  /** The same with a batch behind it. Calls in a row with the same batch return the same object. */
  with (batch: Batch): Bundle {
    if (this.#longer === null || this.#longer.#batch !== batch) this.#longer = new Bundle(this, batch, 1)
    return this.#longer
  }

  /** In the order in which they were published, whatever their topics. */
  get deliveries (): readonly Delivery[] {
    if (this.#before === null) return this.#batch.deliveries
    return this.#deliveries ??= this.#merged()
  }

  #merged (): Delivery[] {
    const all: Delivery[] = []
    let isInOrder = true
    for (let bundle: Bundle | null = this; bundle !== null; bundle = bundle.#before) {
      const { deliveries } = bundle.#batch
      for (let i = deliveries.length - 1; i >= 0; i--) {
        const delivery = deliveries[i]!
        if (all.length > 0 && delivery.order > all.at(-1)!.order) isInOrder = false
        all.push(delivery)
      }
    }
    // The last one is first. Topics that were published to once each, as most are, need no sorting.
    all.reverse()
    return isInOrder ? all : all.sort((a, b) => a.order - b.order)
  }

  /**
   * The frames of all messages, for sockets of one variant; null if each is better sent by itself.
   *
   * @throws whatever the encoder throws, or zlib
   */
  joined (variant: Variant): Joined | null {
    if (variant !== this.#variant) {
      if (this.#variant !== null) (this.#others ??= new Map()).set(this.#variant, this.#joined)
      const found = this.#others?.get(variant)
      this.#joined = found === undefined ? this.#join(variant) : found
      this.#variant = variant
    }
    return this.#joined
  }

  #join (variant: Variant): Joined | null {
    const frames: Buffer[] = []
    let length = 0
    for (const delivery of this.deliveries) {
      const frame = variant.frame(delivery.form(variant.encode))
      if (frame === null) return null
      frames.push(frame.bytes)
      length += frame.bytes.length
      if (length > MAX_JOINED && frames.length > 1) return null
    }
    if (frames.length === 0) return null
    if (frames.length === 1) return { bytes: frames[0]!, count: 1 }
    const bytes = this.#audience < MANY ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length)
    let end = 0
    for (const frame of frames) {
      bytes.set(frame, end)
      end += frame.length
    }
    return { bytes, count: frames.length }
  }
}
