import type { FastifyInstance } from 'fastify'

/** A property of an instance that Fastify keeps private, its own or inherited, by its symbol's name; undefined if there is none. */
export function internal<Value> (instance: FastifyInstance, name: string): Value | undefined {
  for (let owner: object | null = instance; owner !== null; owner = Object.getPrototypeOf(owner)) {
    const symbol = Object.getOwnPropertySymbols(owner).find(({ description }) => description === `fastify.${name}`)
    if (symbol !== undefined) return (instance as unknown as Record<symbol, Value>)[symbol]
  }
  return undefined
}
