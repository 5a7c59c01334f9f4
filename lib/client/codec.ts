import { fault } from '../contract/fault.ts'
import type { ClientCodec } from './types.ts'

/** Raw text and bytes are what they are. */
const identity = (value: any): any => value

/** Bytes stay bytes: a route with schemas may send them as well. */
function decodeJson (data: string | Uint8Array): unknown {
  return typeof data === 'string' ? JSON.parse(data) : data
}

/** Speaks JSON in each direction for which it is told so, and raw text and bytes in the other. */
export function codecOf (sendsJson: boolean, receivesJson: boolean): ClientCodec {
  return { encode: sendsJson ? JSON.stringify : identity, decode: receivesJson ? decodeJson : identity }
}

/** Whether a route with this codec knows that an empty text is no message but a ping: one that speaks JSON in any direction. */
export function hasTextPings ({ encode, decode }: ClientCodec): boolean {
  return encode === JSON.stringify || decode === decodeJson
}

/** @throws {FST_ERR_WS_CLIENT_SEND} */
export function encoded (codec: ClientCodec, message: unknown): string | Uint8Array {
  let data: unknown
  let cause
  try {
    data = codec.encode(message)
  } catch (error) {
    cause = error
  }
  if (typeof data === 'string' || data instanceof Uint8Array) return data
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  throw fault('FST_ERR_WS_CLIENT_SEND', 'this message cannot be made into text or bytes', cause)
}
