import { EventEmitter } from 'node:events'

/** Milliseconds that other listeners have to take what is not ours, as long as Engine.IO leaves it to others. */
const PATIENCE = 1000

/**
 * Calls back when nobody has taken a request that was left to the other listeners: none of them has answered, nor does
 * one listen to anything that happens on it.
 *
 * @param emitters of the request, as it was left to them
 * @param isAnswered whether there is an answer, or nobody to answer
 */
export function whenUntaken (emitters: readonly EventEmitter[], isAnswered: () => boolean, onUntaken: () => void): void {
  const known = new Set(emitters.flatMap(listenersOf))
  setTimeout(() => {
    if (!isAnswered() && emitters.flatMap(listenersOf).every(listener => known.has(listener))) onUntaken()
  }, PATIENCE)
}

/**
 * Remembers who listens to an emitter.
 *
 * @returns takes off all listeners that have come since
 */
export function rememberListeners (emitter: EventEmitter): () => void {
  const known = new Set(listenersOf(emitter))
  return () => {
    for (const name of emitter.eventNames()) {
      for (const listener of emitter.rawListeners(name)) if (!known.has(listener)) emitter.off(name, listener as () => void)
    }
  }
}

function listenersOf (emitter: EventEmitter): Function[] {
  // What others emit in place of a request may be none.
  if (!(emitter instanceof EventEmitter)) return []
  // For the end of a stream of HTTP/2 Node itself adds some, when the event is over and when the client has ended its side.
  const names = emitter.eventNames().filter(name => !('rstCode' in emitter) || (name !== 'close' && name !== 'end'))
  return names.flatMap(name => emitter.rawListeners(name))
}
