import type { BaseSocket } from 'fastify-sockets'
import { LiveSocket } from '../../lib/live/live-socket.ts'

/*
 * What users hold hides what is behind it, and what a test asks of that is to be seen nowhere else, such as whether a
 * connection is being read. Notes it for every socket that a route opens from now on.
 */
const insides = new WeakMap<object, LiveSocket>()
const prototype = LiveSocket.prototype as any
const { expose } = prototype
prototype.expose = function (this: LiveSocket) {
  const exposed = expose.call(this)
  insides.set(exposed, this)
  return exposed
}

/** What is behind the socket that a route's handler got. */
export function inside (socket: BaseSocket<any, any>): LiveSocket {
  return insides.get(socket)!
}
