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
const { at } = typedArray as Uint8Array
const { hasOwnProperty } = Object.prototype
const { getPrototypeOf } = Object
const buffers: object = Buffer.prototype
const arrays: object = Uint8Array.prototype

const EMPTY = Buffer.alloc(0)

/** Bytes up to which the outbox reads a message through `length` alone: what is larger it writes where it lies. */
const SHORT = 1024

/**
 * The bytes of what was given to `send()`, in an object whose `length` is true, and so are, unless it is short,
 * `buffer` and `byteOffset`: a frame whose header claimed more than it holds would carry what lies behind in memory.
 *
 * @param isReadInPlace whether short messages are read by way of their memory as well, as for zlib
 * @returns what was given, if it says nothing of its own; null: it is neither a Uint8Array nor an ArrayBuffer, or has lost
 * its memory
 */
export function toBytes (message: unknown, isReadInPlace: boolean): Uint8Array | null {
  if (!types.isUint8Array(message)) return types.isArrayBuffer(message) ? viewOf(message) : null
  // In this order for speed: behind `length` V8 knows the prototype, if it is always the same. A Buffer of 20 B takes
  // 4 ns here; a view of it would take 25.
  if (message.length > 0) {
    const prototype = getPrototypeOf(message)
    if ((prototype === buffers || prototype === arrays) && !hasOwnProperty.call(message, 'length')) {
      if ((message.length <= SHORT && !isReadInPlace) || isInPlace(message)) return message
    }
  }
  try {
    // Empty is also what has lost its memory to another thread: the methods of the language tell these apart.
    at.call(message, 0)
  } catch {
    return null
  }
  const byteLength = byteLengthOf(message)
  if (byteLength === 0) return EMPTY
  return fixed(bufferOf(message), byteOffsetOf(message), byteLength)
}

/** What a value is of which `toBytes` has made none, in a word or two. */
export function kindOf (value: unknown): string {
  return types.isUint8Array(value) || types.isArrayBuffer(value) ? 'bytes that were transferred' : typeName(value)
}

/** Whether it says nothing of its own about its memory, which stays as it is. */
function isInPlace (bytes: Uint8Array): boolean {
  return !hasOwnProperty.call(bytes, 'buffer') && !hasOwnProperty.call(bytes, 'byteOffset') && !mayShrink(bytes.buffer)
}

function viewOf (memory: ArrayBuffer): Uint8Array | null {
  try {
    return fixed(memory, 0, new Uint8Array(memory).length)
  } catch {
    return null
  }
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
