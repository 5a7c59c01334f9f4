import type { MessageCodec } from '../backplane/following.ts'
import { JsonPublication, type Packed, type Publication, ValuePublication } from './publication.ts'

/** The version of this format. What has another one is left out, so that processes of two versions can run side by side. */
const VERSION = 1

/** Version, kind, the length of the name that is left out, and that of the first part. */
const HEADER = 10

/** What the body is; the numbers are part of the format. */
const KINDS: ReadonlyArray<Packed['kind']> = ['json', 'positioned', 'text', 'binary', 'value']

/**
 * A publication as bytes, for other processes: version (1 byte), kind (1), length of the name that is left out (4), length of
 * what comes before the position (4), the name, the body. Lengths are in bytes, the highest first.
 */
export class PublicationCodec implements MessageCodec<Publication> {
  readonly #report: (error: unknown) => void

  /** @param report is told of bytes that cannot be read */
  constructor (report: (error: unknown) => void) {
    this.#report = report
  }

  /** @throws {FST_ERR_WS_INVALID_PUBLISH} if the message is a value that is no JSON */
  encode (publication: Publication, room: number): Buffer {
    const { kind, parts } = publication.packed()
    const except = publication.except ?? ''
    const exceptLength = Buffer.byteLength(except)
    const lengths = parts.map(part => typeof part === 'string' ? Buffer.byteLength(part) : part.length)
    const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length, room + HEADER + exceptLength))
    bytes[room] = VERSION
    bytes[room + 1] = KINDS.indexOf(kind)
    bytes.writeUInt32BE(exceptLength, room + 2)
    bytes.writeUInt32BE(lengths[0]!, room + 6)
    let offset = room + HEADER
    offset += bytes.write(except, offset)
    for (const [i, part] of parts.entries()) {
      if (typeof part === 'string') bytes.write(part, offset)
      else bytes.set(part, offset)
      offset += lengths[i]!
    }
    return bytes
  }

  decode (encoded: Uint8Array): Publication | null {
    try {
      return decoded(Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength))
    } catch (error) {
      this.#report(error)
      return null
    }
  }
}

/** @throws {Error} if it cannot be read */
function decoded (bytes: Buffer): Publication {
  if (bytes[0] !== VERSION) throw new Error(`a message of the backplane has the format ${bytes[0]}, of which this version knows only ${VERSION}`)
  const start = HEADER + bytes.readUInt32BE(2)
  const middle = start + bytes.readUInt32BE(6)
  // An empty name is that of nobody: `as` is never empty.
  const except = bytes.toString('utf8', HEADER, start) || null
  if (middle > bytes.length) throw new Error('a message of the backplane is cut off')
  switch (KINDS[bytes[1]!]) {
    case 'json': return new JsonPublication([bytes.toString('utf8', start)], except)
    case 'positioned': return new JsonPublication([bytes.toString('utf8', start, middle), bytes.toString('utf8', middle)], except)
    case 'text': return new ValuePublication(bytes.toString('utf8', start), except)
    // A copy: what it lies in may be much larger, and is kept as long as the history.
    case 'binary': return new ValuePublication(Buffer.from(bytes.subarray(start)), except)
    case 'value': return new ValuePublication(JSON.parse(bytes.toString('utf8', start)), except)
    default: throw new Error(`a message of the backplane is of the kind ${bytes[1]}, which this version does not know`)
  }
}
