import type { ClientEvents } from './types.ts'

type Event = keyof ClientEvents
type Listener = (...args: any[]) => unknown

/** Calls listeners, one event after the other: what a listener causes comes after what it was called for. */
export class Emitter {
  #listeners: Partial<Record<Event, readonly Listener[]>> = {}
  readonly #events: Array<[Event, unknown[]]> = []

  of (event: Event): readonly Listener[] {
    return this.#listeners[event] ?? []
  }

  add (event: Event, listener: Listener): void {
    this.#listeners[event] = [...this.of(event), listener]
  }

  remove (event: Event, listener: Listener): void {
    const all = this.of(event)
    const index = all.lastIndexOf(listener)
    this.#listeners[event] = all.filter((_, i) => i !== index)
  }

  emit<Name extends Event> (event: Name, ...args: ClientEvents[Name]): void {
    // The first of them is being emitted further up.
    if (this.#events.push([event, args]) > 1) return
    for (let next; (next = this.#events[0]) !== undefined; this.#events.shift()) {
      for (const listener of this.of(next[0])) call(listener, next[1])
    }
  }
}

/** What a listener throws is its own: it goes where uncaught errors go, and stops nothing here. */
function call (listener: Listener, args: unknown[]): void {
  try {
    listener(...args)
  } catch (error) {
    queueMicrotask(() => { throw error })
  }
}
