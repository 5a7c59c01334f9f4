import { type Channel, channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { sharedSymbol } from './copies.ts'

type Listener = Parameters<typeof subscribe>[1]

const NAME = 'fastify.initialization'

/** The key of our subscriber on the channel: there is one, even if this package is loaded more than once. */
const kSubscriber: unique symbol = sharedSymbol('subscriber') as never

/**
 * Calls the listener with each Fastify instance as it is created. A new listener replaces the one before: Jest loads the
 * package again for each test file, and the channel would keep everything that those files have loaded.
 */
export function onBirth (listener: (instance: FastifyInstance) => void): void {
  const births: Channel & { [kSubscriber]?: Listener } = channel(NAME)
  const former = births[kSubscriber]
  if (former !== undefined) unsubscribe(NAME, former)
  const subscriber: Listener = message => { listener((message as { fastify: FastifyInstance }).fastify) }
  births[kSubscriber] = subscriber
  subscribe(NAME, subscriber)
}
