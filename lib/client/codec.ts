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
    let data: unknown = codec.encode(message)
    if (data instanceof ArrayBuffer) data = new Uint8Array(data)
    // Throws if the bytes have gone to somebody else.
    if (typeof data === 'string' || (data instanceof Uint8Array && (data.at(0), true))) return data
  } catch (error) {
    cause = error
  }
  throw fault('FST_ERR_WS_CLIENT_SEND', 'neither text nor bytes', cause)
}
