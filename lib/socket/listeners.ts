import type { SocketEvents } from '../../types/socket.ts'
import { FST_ERR_WS_EVENT, FST_ERR_WS_LISTENER } from '../errors.ts'
import { typeName } from './type-name.ts'

export type Listener = (...args: any[]) => unknown
/** The listeners of one event, in the order they were added. */
export type ListenerList = Listener[] | ManyListeners

/** Up to this many listeners are kept in an array, which is replaced rather than changed. */
const FEW = 16

const NONE: Listener[] = []
/** The function behind a wrapper made for `once`. */
const originals = new WeakMap<Listener, Listener>()

interface Entry {
  listener: Listener
  original: Listener
  /** The entries of the same original that were added just before and just after this one. */
  older: Entry | null
  newer: Entry | null
}

/**
 * The listeners of a socket, by event. While an event is being delivered, its list does not change: a listener that is
 * added then is not called for that event, and one that is removed still is.
 */
export class Listeners {
  message: ListenerList = NONE
  close: ListenerList = NONE
  drain: ListenerList = NONE
  ping: ListenerList = NONE
  pong: ListenerList = NONE
  error: ListenerList = NONE

  /** @param original the function that `listener` wraps, which also removes it */
  add (event: keyof SocketEvents, listener: Listener, original = listener): void {
    const list = this[event]
    if (original !== listener) originals.set(listener, original)
    if (list instanceof ManyListeners) list.add(listener)
    else if (list.length === FEW) this[event] = new ManyListeners(list, listener)
    // Not by spreading, which leaves room for 16 more.
    else this[event] = list.concat(listener)
  }

  /** Removes the listener; if it was added several times, the last one, as an EventEmitter does. */
  remove (event: keyof SocketEvents, listener: Listener): void {
    const list = this[event]
    if (list instanceof ManyListeners) {
      list.remove(listener)
      if (list.length === 0) this[event] = NONE
      return
    }
    const index = list.findLastIndex(one => one === listener || originals.get(one) === listener)
    if (index !== -1) this[event] = list.toSpliced(index, 1)
  }
}

/** A long list: finds each listener without a search, and makes its array only when an event needs it. */
export class ManyListeners {
  readonly #entries = new Set<Entry>()
  /** The newest entry of each original, and the entry of each wrapper. */
  readonly #found = new Map<Listener, Entry>()
  #array: Listener[] | null = null

  constructor (few: Listener[], listener: Listener) {
    for (const one of few) this.add(one)
    this.add(listener)
  }

  get length (): number {
    return this.#entries.size
  }

  toArray (): Listener[] {
    return this.#array ??= Array.from(this.#entries, entry => entry.listener)
  }

  add (listener: Listener): void {
    const original = originals.get(listener) ?? listener
    const older = this.#found.get(original) ?? null
    const entry = { listener, original, older, newer: null }
    if (older !== null) older.newer = entry
    this.#found.set(original, entry)
    if (original !== listener) this.#found.set(listener, entry)
    this.#entries.add(entry)
    this.#array = null
  }

  remove (listener: Listener): void {
    const entry = this.#found.get(listener)
    if (entry === undefined) return
    const { original, older, newer } = entry
    if (older !== null) older.newer = newer
    if (newer !== null) newer.older = older
    else if (older !== null) this.#found.set(original, older)
    else this.#found.delete(original)
    if (original !== entry.listener) this.#found.delete(entry.listener)
    this.#entries.delete(entry)
    this.#array = null
  }
}

/** Wraps a listener so that it is called only once. @param remove takes the wrapper out of its list */
export function single (listener: Listener, remove: (wrapped: Listener) => void): Listener {
  let called = false
  return function wrapped (this: unknown, ...args) {
    // It may be in the lists of two deliveries, one of which began inside the other.
    if (called) return undefined
    called = true
    remove(wrapped)
    return listener.apply(this, args)
  }
}

/** @throws {FST_ERR_WS_EVENT} */
export function checkEvent (event: unknown): asserts event is keyof SocketEvents {
  if (!EVENTS.includes(event as string)) throw new FST_ERR_WS_EVENT(event, EVENTS.join(', '))
}

/** @throws {FST_ERR_WS_EVENT | FST_ERR_WS_LISTENER} */
export function checkListener (event: unknown, listener: unknown): void {
  checkEvent(event)
  if (typeof listener !== 'function') throw new FST_ERR_WS_LISTENER(event, typeName(listener))
}

const EVENTS = Object.keys(new Listeners())
