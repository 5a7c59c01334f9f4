import type { ClientEvents } from './types.ts'

type Listener = (...args: any[]) => unknown

export interface Emitter {
  /** The listeners for each event. */
  readonly listeners: { [Event in keyof ClientEvents]: readonly Listener[] }
  emit<Event extends keyof ClientEvents> (event: Event, ...args: ClientEvents[Event]): void
}

/** Calls listeners, one event after the other: what a listener causes comes after what it was called for. */
export function createEmitter (): Emitter {
  const listeners: Emitter['listeners'] = { message: [], state: [], drop: [], error: [] }
  const events: Array<[keyof ClientEvents, unknown[]]> = []
  return {
    listeners,
    emit (event, ...args) {
      // The first of them is being emitted further up.
      if (events.push([event, args]) > 1) return
      for (let next; (next = events[0]); events.shift()) {
        for (const listener of listeners[next[0]]) {
          try {
            listener(...next[1])
          } catch (error) {
            // What a listener throws is its own: it goes where uncaught errors go, and stops nothing here.
            queueMicrotask(() => { throw error })
          }
        }
      }
    }
  }
}
