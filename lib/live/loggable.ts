import { types } from 'node:util'
import { cut } from '../message/cut.ts'

/** What an error may take up of a log line, in bytes of JSON. */
const MAX_SIZE = 6 * 1024
const MAX_MESSAGE = 1024
const MAX_STACK = 3 * 1024
const MAX_STRING = 512
const MAX_DEPTH = 5

/** Bytes that any value costs besides its text. */
const COST = 4

const UNREADABLE = '[unreadable]'
const MORE = '…'

/** Properties that a logger reads from an error although they are not enumerable. They are copied before all others. */
const ERROR_PROPERTIES = ['message', 'stack', 'cause', 'errors']

/**
 * Makes what was thrown safe to log: its text may come from a client. If that is too long, or a property cannot be read,
 * returns a shortened, readable copy of the same class; otherwise the error itself, so that serializers find everything
 * that they know. Does not throw.
 */
export function loggable (thrown: unknown): unknown {
  const copier = new Copier()
  const copy = copier.copy(thrown)
  return copier.isDifferent ? copy : thrown
}

/** The beginning of a text that takes no more than `max` bytes of JSON. */
export function loggableText (text: string, max: number): string {
  let end = Math.min(text.length, max)
  for (let size = jsonLength(text, end); size > max; size = jsonLength(text, end)) end = Math.floor(end * max / size)
  return cut(text, end)
}

function jsonLength (text: string, end: number): number {
  return Buffer.byteLength(JSON.stringify(text.slice(0, end))) - 2
}

/** Copies a value and what it contains, as long as there is room. */
class Copier {
  /** Whether something was cut, left out or unreadable. */
  isDifferent = false
  #room = MAX_SIZE
  /** The objects being copied, from the outermost in. */
  readonly #outer: object[] = []

  copy (value: unknown, max = MAX_STRING): unknown {
    this.#room -= COST
    if (typeof value === 'string') return this.#text(value, max)
    if (typeof value === 'bigint') return this.#bigint(value)
    if (typeof value !== 'object' || value === null) return value
    if (this.#outer.includes(value)) return '[Circular]'
    if (this.#outer.length === MAX_DEPTH) return this.#instead(MORE)
    this.#outer.push(value)
    let copy
    try {
      copy = this.#object(value)
    } catch {
      copy = this.#instead(UNREADABLE)
    }
    this.#outer.pop()
    return copy
  }

  #object (value: object): unknown {
    if (types.isAnyArrayBuffer(value) || ArrayBuffer.isView(value)) return this.#instead(`${value.byteLength} bytes`)
    if (Array.isArray(value)) return this.#array(value)
    if (types.isNativeError(value) || value instanceof Error) return this.#error(value)
    const { toJSON } = value as { toJSON?: unknown }
    if (typeof toJSON === 'function') return this.copy(toJSON.call(value))
    return this.#properties({}, value, Reflect.ownKeys(value))
  }

  #array (value: unknown[]): unknown[] {
    const copy: unknown[] = []
    while (copy.length < value.length && this.#room > 0) copy.push(this.copy(value[copy.length]))
    if (copy.length < value.length) copy.push(this.#instead(MORE))
    return copy
  }

  /** Includes what every error has, own or inherited, and what others have put on its prototype. */
  #error (error: Error): object {
    const copy = Object.create(Object.getPrototypeOf(error))
    const keys = new Set<string | symbol>([...ERROR_PROPERTIES, ...Reflect.ownKeys(error)])
    for (const key in error) keys.add(key)
    return this.#properties(copy, error, keys)
  }

  /** Copies objects last, so that there is room for the rest. */
  #properties (copy: object, from: object, keys: Iterable<string | symbol>): object {
    const objects = new Map<string, object>()
    for (const key of keys) {
      if (typeof key === 'symbol') continue
      if (this.#room <= 0) return this.#more(copy)
      const value = this.#read(from, key)
      if (typeof value === 'object' && value !== null) objects.set(key, value)
      else if (value !== undefined && typeof value !== 'function') this.#define(copy, from, key, value)
    }
    for (const [key, value] of objects) {
      if (this.#room <= 0) return this.#more(copy)
      this.#define(copy, from, key, this.copy(value))
    }
    return copy
  }

  /** The copy of a property; an object is returned as it is, to be copied later. */
  #read (from: any, key: string): unknown {
    try {
      const value = from[key]
      if (typeof value === 'object') return value
      if (key === 'stack' && typeof value === 'string') return this.#stack(value, from.message)
      return this.copy(value, key === 'message' ? MAX_MESSAGE : undefined)
    } catch {
      return this.#instead(UNREADABLE)
    }
  }

  #define (copy: object, from: object, key: string, value: unknown): void {
    const { enumerable = !ERROR_PROPERTIES.includes(key) } = Object.getOwnPropertyDescriptor(from, key) ?? {}
    Object.defineProperty(copy, this.#text(key, MAX_STRING), { value, enumerable, writable: true, configurable: true })
  }

  /** A stack begins with the message: that is cut on its own, so that the places in the code remain. */
  #stack (stack: string, message: unknown): string {
    const start = stack.indexOf(': ') + 2
    const end = typeof message === 'string' && stack.startsWith(message, start) ? start + message.length : 0
    return this.#text(stack.slice(0, end), MAX_MESSAGE) + this.#text(stack.slice(end), MAX_STACK)
  }

  /** Measured in base 16, which takes linear time; base 10 would not. */
  #bigint (value: bigint): unknown {
    const digits = value.toString(16)
    return this.#text(digits, MAX_STRING) === digits ? value : MORE
  }

  #more (copy: object): object {
    return Object.assign(copy, { [MORE]: this.#instead(MORE) })
  }

  #text (text: string, max: number): string {
    const part = loggableText(text, Math.max(0, Math.min(max, this.#room)))
    this.#room -= jsonLength(part, part.length)
    if (part !== text) this.isDifferent = true
    return part
  }

  #instead (text: string): string {
    this.isDifferent = true
    return text
  }
}
