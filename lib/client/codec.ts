import { fault } from '../contract/fault.ts'
import type { Data } from './line.ts'
import type { ClientCodec } from './types.ts'

/** Raw text and bytes are what they are. */
const identity = (value: any): any => value

/** Bytes stay bytes: a route with schemas may send them as well. */
function decodeJson (data: string | Uint8Array): unknown {
  return typeof data === 'string' ? JSON.parse(data) : data
}

/** Speaks JSON in each direction for which it is told so, and raw text and bytes in the other. */
export function codecOf (sendsJson: boolean, receivesJson: boolean): ClientCodec {
  return {
    encode: sendsJson ? JSON.stringify : identity,
    decode: receivesJson ? decodeJson : identity,
    pings: sendsJson || receivesJson
  }
}

/** @throws {FST_ERR_WS_CLIENT_SEND} */
export function encoded (codec: ClientCodec, message: unknown): Data {
  let cause
  try {
    const data: unknown = codec.encode(message)
    if (typeof data === 'string') return data
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data
    // A copy, because the caller may use the memory again, and platforms send none that is shared or resizable.
    if (bytes instanceof Uint8Array) return new Uint8Array(bytes)
  } catch (error) {
    cause = error
  }
  throw fault('FST_ERR_WS_CLIENT_SEND', 'neither text nor bytes', cause)
}
