import { FST_ERR_WS_SEND_TYPE, FST_ERR_WS_SERIALIZER } from '../errors.ts'
import { kindOf, toBytes } from './bytes.ts'
import type { Encode } from './prepared-message.ts'

/**
 * What a route sends for a message.
 *
 * @param isReadInPlace see `toBytes`
 * @throws {FST_ERR_WS_SEND_TYPE | FST_ERR_WS_SERIALIZER} and whatever the serializer throws
 */
export function dataOf (encode: Encode, message: unknown, isReadInPlace: boolean): string | Uint8Array {
  const data: unknown = encode === null ? message : encode(message)
  if (typeof data === 'string') return data
  const bytes = toBytes(data, isReadInPlace)
  if (bytes !== null) return bytes
  throw encode === null ? new FST_ERR_WS_SEND_TYPE(kindOf(data)) : new FST_ERR_WS_SERIALIZER('schema.send', 'a string, or bytes for a binary message', kindOf(data))
}
