import { EventEmitter } from 'node:events'

/** Milliseconds that other listeners have to take a request that is not ours: as long as Engine.IO waits for others. */
const GRACE = 1000

/**
 * Calls back if none of the other listeners takes a request that was left to them: none has answered it, and none has added
 * a listener to it.
 *
 * @param emitters the request and what belongs to it, as they were left to the others
 * @param isAnswered whether there is an answer, or nobody left to answer
 */
export function whenUntaken (emitters: readonly EventEmitter[], isAnswered: () => boolean, onUntaken: () => void): void {
  const known = new Set(emitters.flatMap(listenersOf))
  setTimeout(() => {
    if (!isAnswered() && emitters.flatMap(listenersOf).every(listener => known.has(listener))) onUntaken()
  }, GRACE)
}

/**
 * Remembers the listeners of an emitter.
 *
 * @returns a function that removes all listeners added since
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
  // Others may emit something that is no emitter in place of a request.
  if (!(emitter instanceof EventEmitter)) return []
  // Node itself adds listeners for the end of an HTTP/2 stream, after the event and when the client ends its side.
  const names = emitter.eventNames().filter(name => !('rstCode' in emitter) || (name !== 'close' && name !== 'end'))
  return names.flatMap(name => emitter.rawListeners(name))
}
