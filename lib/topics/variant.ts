import type { Frame } from '../connection/frame-run.ts'
import type { MessageForm } from '../connection/message-form.ts'
import type { Deflation } from '../deflate/deflater.ts'
import type { LiveBehaviour, LiveSocket } from '../live/live-socket.ts'
import type { Encode } from '../socket/prepared-message.ts'

/** Sockets for whom a message is the same bytes: their routes encode alike, and they have agreed on the same compression. */
export class Variant {
  readonly encode: Encode
  readonly #deflation: Deflation | null
  readonly #threshold: number

  constructor ({ codec, deflate }: LiveBehaviour, deflation: Deflation | null) {
    this.encode = codec.encode
    this.#deflation = deflation
    // An empty message cannot become smaller.
    this.#threshold = Math.max(1, deflate.threshold)
  }

  /** The one of a socket; null if it compresses for itself. */
  static of ({ connection, behaviour }: LiveSocket): Variant | null {
    const { sharedDeflation } = connection
    if (sharedDeflation === undefined) return null
    let variants = known.get(behaviour)
    if (variants === undefined) known.set(behaviour, variants = [])
    let variant = variants.find(one => one.#deflation === sharedDeflation)
    if (variant === undefined) variants.push(variant = new Variant(behaviour, sharedDeflation))
    return variant
  }

  /** The frame of a message; null if it is so large that it is compressed elsewhere. @throws {Error} of zlib */
  frame (form: MessageForm): Frame | null {
    if (this.#deflation === null || form.byteLength < this.#threshold) return form.frame
    return form.deflated(this.#deflation)
  }
}

/** Those of the sockets of each route, few as the windows that clients ask for. */
const known = new WeakMap<object, Variant[]>()
