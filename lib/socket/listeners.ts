import type { SocketEvents } from '../../types/socket.ts'

type Listener = (...args: any[]) => unknown
const originals = new WeakMap<Listener, Listener>()
const NONE: readonly Listener[] = []

/**
 * The listeners of a socket, by event. A list is replaced and never changed, so that it can be walked while listeners
 * come and go.
 */
export class Listeners {
  message = NONE
  close = NONE
  drain = NONE
  ping = NONE
  pong = NONE
  error = NONE

  /** @param original the function that was wrapped in `listener`, by which it can be removed too */
  add (event: keyof SocketEvents, listener: Listener, original = listener): void {
    if (original !== listener) originals.set(listener, original)
    // Not by spreading: that leaves room for 16 more.
    this[event] = this[event].concat(listener)
  }

  /** Removes the one that was added last, as an EventEmitter does. */
  remove (event: keyof SocketEvents, listener: Listener): void {
    const list = this[event]
    const index = list.findLastIndex(one => one === listener || originals.get(one) === listener)
    if (index !== -1) this[event] = list.toSpliced(index, 1)
  }
}
