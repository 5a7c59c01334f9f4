import { type Channel, channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { sharedSymbol } from './copies.ts'

type Listener = Parameters<typeof subscribe>[1]

const NAME = 'fastify.initialization'

/** Where the channel carries its subscriber: one, even if this package is loaded more than once. */
const kSubscriber: unique symbol = sharedSymbol('subscriber') as never

/**
 * Calls the listener with each Fastify instance as soon as there is one. It takes the place of the one that was there:
 * Jest loads the package anew for each file of tests, and the channel would keep all that the files have loaded.
 */
export function onBirth (listener: (instance: FastifyInstance) => void): void {
  const births: Channel & { [kSubscriber]?: Listener } = channel(NAME)
  const former = births[kSubscriber]
  if (former !== undefined) unsubscribe(NAME, former)
  const subscriber: Listener = message => { listener((message as { fastify: FastifyInstance }).fastify) }
  births[kSubscriber] = subscriber
  subscribe(NAME, subscriber)
}
