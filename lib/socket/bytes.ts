import { types } from 'node:util'
import { typeName } from './type-name.ts'

/*
 * A subclass, an own property or a Proxy can override what an array of bytes says about itself. The language's own getters
 * cannot be overridden once we hold them, so we take them while this module loads.
 */
const typedArray = Object.getPrototypeOf(Uint8Array.prototype)
const bufferOf = getter<ArrayBufferLike>(typedArray, 'buffer')
const byteOffsetOf = getter<number>(typedArray, 'byteOffset')
const byteLengthOf = getter<number>(typedArray, 'byteLength')
const isResizable = getter<boolean>(ArrayBuffer.prototype, 'resizable')
const viewedBufferOf = getter<ArrayBufferLike>(DataView.prototype, 'buffer')
const viewOffsetOf = getter<number>(DataView.prototype, 'byteOffset')
const viewLengthOf = getter<number>(DataView.prototype, 'byteLength')
const { at } = typedArray as Uint8Array
const { hasOwnProperty } = Object.prototype
const { getPrototypeOf } = Object
const buffers: object = Buffer.prototype
const arrays: object = Uint8Array.prototype

/** Up to this many bytes, the outbox reads a message through `length` alone. It may write larger ones where they lie. */
const SHORT = 1024

/**
 * The bytes of a value given to `send()`, in an object whose `length` is true and, unless it is short, so are its `buffer`
 * and `byteOffset`. Otherwise a frame could claim more than it holds, and send what lies behind it in memory.
 *
 * @param isReadInPlace whether short messages are read through their memory as well, as zlib does
 * @returns the value itself, if it overrides nothing; null if it is neither memory nor a view of memory, or if its memory
 * was transferred
 */
export function toBytes (message: unknown, isReadInPlace: boolean): Uint8Array | null {
  if (!types.isUint8Array(message)) return bytesOf(message)
  // In this order for speed: after `length` V8 knows the prototype, if it is always the same. A Buffer of 20 B takes
  // 4 ns here; a view of it would take 25.
  if (message.length > 0) {
    const prototype = getPrototypeOf(message)
    if ((prototype === buffers || prototype === arrays) && !hasOwnProperty.call(message, 'length')) {
      if ((message.length <= SHORT && !isReadInPlace) || isInPlace(message)) return message
    }
  }
  return bytesOf(message)
}

/** Names what `toBytes` refused, for an error text. */
export function kindOf (value: unknown): string {
  return ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) ? 'bytes that were transferred' : typeName(value)
}

/** Whether an array overrides nothing about its memory, and the memory cannot shrink. */
function isInPlace (bytes: Uint8Array): boolean {
  return !hasOwnProperty.call(bytes, 'buffer') && !hasOwnProperty.call(bytes, 'byteOffset') && !mayShrink(bytes.buffer)
}

/** Uses only the language's own getters and methods, which also work for objects of other realms. */
function bytesOf (value: unknown): Uint8Array | null {
  try {
    if (types.isTypedArray(value)) {
      // An array whose memory was transferred to another thread looks empty, but throws here.
      at.call(value, 0)
      return fixed(bufferOf(value), byteOffsetOf(value), byteLengthOf(value))
    }
    if (types.isDataView(value)) return fixed(viewedBufferOf(value), viewOffsetOf(value), viewLengthOf(value))
    if (types.isAnyArrayBuffer(value)) return fixed(value, 0, new Uint8Array(value).length)
  } catch {
    // Its memory was transferred.
  }
  return null
}

/** The bytes themselves, or a copy if their memory could shrink before they have been written. */
function fixed (memory: ArrayBufferLike, byteOffset: number, byteLength: number): Buffer {
  const bytes = Buffer.from(memory, byteOffset, byteLength)
  return mayShrink(memory) ? Buffer.from(bytes) : bytes
}

/** Shared memory can only grow. */
function mayShrink (memory: ArrayBufferLike): boolean {
  return types.isArrayBuffer(memory) && isResizable(memory)
}

function getter<Value> (prototype: object, name: string): (of: object) => Value {
  const { get } = Object.getOwnPropertyDescriptor(prototype, name)!
  return of => get!.call(of)
}
