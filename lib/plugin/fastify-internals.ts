import type { FastifyInstance } from 'fastify'

/** An own property of an instance that Fastify keeps private, by its symbol's name; undefined if there is none. */
export function internal<Value> (instance: FastifyInstance, name: string): Value | undefined {
  const symbol = Object.getOwnPropertySymbols(instance).find(({ description }) => description === `fastify.${name}`)
  return (instance as unknown as Record<symbol, Value>)[symbol!]
}
