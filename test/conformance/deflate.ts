import type { Agreement, Direction } from '../../lib/deflate/negotiate.ts'
import { deflate, inflate } from '../support/deflate.ts'

/** What later messages may refer to: the last bytes of those before them, as many as the window holds. */
class Context {
  readonly direction: Direction
  #window: Buffer = Buffer.alloc(0)

  constructor (direction: Direction) {
    this.direction = direction
  }

  get dictionary (): { dictionary?: Buffer } {
    return this.#window.length === 0 ? {} : { dictionary: this.#window }
  }

  add (message: Buffer): void {
    if (this.direction.contextTakeover) {
      this.#window = Buffer.concat([this.#window, message]).subarray(-(2 ** this.direction.windowBits))
    }
  }
}

/** The peer's compressor (RFC 7692 §7.2.1). */
export class Compressor extends Context {
  compress (message: Buffer): Buffer {
    const { windowBits } = this.direction
    const data = deflate(message, { windowBits, ...this.dictionary })
    this.add(message)
    return data
  }
}

/** The peer's decompressor (RFC 7692 §7.2.2): throws where the data needs more than was agreed on. */
export class Decompressor extends Context {
  decompress (data: Buffer): Buffer {
    const { windowBits } = this.direction
    // Zlib looks no further back than the window, except in the chunk of output that it is just filling.
    const chunkSize = windowBits === 15 ? 64 * 1024 : 64
    const message = inflate(data, { windowBits, chunkSize, ...this.dictionary })
    this.add(message)
    return message
  }
}

/** What the header of a response says (RFC 7692 §7.1). */
export function readAgreement (header: string): Agreement {
  const [name, ...parameters] = header.split(';').map(part => part.trim())
  if (name !== 'permessage-deflate') throw new Error(`not permessage-deflate: ${header}`)
  const found = new Map(parameters.map(parameter => [parameter.split('=')[0]!, parameter.split('=')[1]]))
  const direction = (end: string): Direction => ({
    contextTakeover: !found.has(`${end}_no_context_takeover`),
    windowBits: Number(found.get(`${end}_max_window_bits`) ?? 15)
  })
  return { server: direction('server'), client: direction('client') }
}
