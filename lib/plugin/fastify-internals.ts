import type { FastifyInstance } from 'fastify'

/** A property of an instance's own that Fastify keeps to itself, by the name of its symbol; undefined where it has none. */
export function internal<Value> (instance: FastifyInstance, name: string): Value | undefined {
  const symbol = Object.getOwnPropertySymbols(instance).find(({ description }) => description === `fastify.${name}`)
  return (instance as unknown as Record<symbol, Value>)[symbol!]
}
