import type { FastifyInstance } from 'fastify'

/**
 * Lets the instance inherit a property instead of owning it: an own one of somebody else wins. @fastify/websocket also
 * decorates with `injectWS`, and may be registered in the same scope, before or after; then its own reaches our routes as well.
 */
export function inherit (app: FastifyInstance, name: string, value: Function): void {
  const above = Object.create(Object.getPrototypeOf(app), { [name]: { value, writable: true } })
  Object.setPrototypeOf(app, above)
}
