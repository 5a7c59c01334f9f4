import { types } from 'node:util'
import { typeName } from './type-name.ts'

/*
 * What an array of bytes says of itself may be overridden: by a subclass, by a property of its own, by a Proxy. The
 * getters of the language itself cannot be. They are taken while this module loads.
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

/** Bytes up to which the outbox reads a message through `length` alone: what is larger it writes where it lies. */
const SHORT = 1024

/**
 * The bytes of what was given to `send()`, in an object whose `length` is true, and so are, unless it is short,
 * `buffer` and `byteOffset`: a frame whose header claimed more than it holds would carry what lies behind in memory.
 *
 * @param isReadInPlace whether short messages are read by way of their memory as well, as for zlib
 * @returns what was given, if it says nothing of its own; null: it is neither memory nor a view of any, or the memory is
 * lost
 */
export function toBytes (message: unknown, isReadInPlace: boolean): Uint8Array | null {
  if (!types.isUint8Array(message)) return bytesOf(message)
  // In this order for speed: behind `length` V8 knows the prototype, if it is always the same. A Buffer of 20 B takes
  // 4 ns here; a view of it would take 25.
  if (message.length > 0) {
    const prototype = getPrototypeOf(message)
    if ((prototype === buffers || prototype === arrays) && !hasOwnProperty.call(message, 'length')) {
      if ((message.length <= SHORT && !isReadInPlace) || isInPlace(message)) return message
    }
  }
  return bytesOf(message)
}

/** What a value is of which `toBytes` has made none, in a word or two. */
export function kindOf (value: unknown): string {
  return ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) ? 'bytes that were transferred' : typeName(value)
}

/** Whether it says nothing of its own about its memory, which stays as it is. */
function isInPlace (bytes: Uint8Array): boolean {
  return !hasOwnProperty.call(bytes, 'buffer') && !hasOwnProperty.call(bytes, 'byteOffset') && !mayShrink(bytes.buffer)
}

/** By the getters and methods of the language alone; they know the objects of other realms as well. */
function bytesOf (value: unknown): Uint8Array | null {
  try {
    if (types.isTypedArray(value)) {
      // Empty is also what has lost its memory to another thread, but that throws here.
      at.call(value, 0)
      return fixed(bufferOf(value), byteOffsetOf(value), byteLengthOf(value))
    }
    if (types.isDataView(value)) return fixed(viewedBufferOf(value), viewOffsetOf(value), viewLengthOf(value))
    if (types.isAnyArrayBuffer(value)) return fixed(value, 0, new Uint8Array(value).length)
  } catch {
    // Its memory is lost.
  }
  return null
}

/** A copy, if its memory could become shorter before it has been written. */
function fixed (memory: ArrayBufferLike, byteOffset: number, byteLength: number): Buffer {
  const bytes = Buffer.from(memory, byteOffset, byteLength)
  return mayShrink(memory) ? Buffer.from(bytes) : bytes
}

/** Memory that threads share can only grow. */
function mayShrink (memory: ArrayBufferLike): boolean {
  return types.isArrayBuffer(memory) && isResizable(memory)
}

function getter<Value> (prototype: object, name: string): (of: object) => Value {
  const { get } = Object.getOwnPropertyDescriptor(prototype, name)!
  return of => get!.call(of)
}
