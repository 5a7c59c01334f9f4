import { type BackplaneTestOptions, Relay } from 'fastify-sockets/backplane-tests'
import { nats, type NatsBackplaneOptions, type NatsConnectionOptions } from 'fastify-sockets/nats'
import type { BackplaneDriver } from '../../types/backplane.ts'
import type { NatsServer } from './nats-server.ts'

/** Milliseconds. */
export const LEASE = 1500
export const GRACE = 600

export interface NatsProcess {
  readonly driver: BackplaneDriver
  readonly way: Relay
}

let stores = 0

/** Another one for each test. */
export function newPrefix (): string {
  return `test-${process.pid}-${++stores}`
}

/**
 * Drivers on a server, each store being a prefix.
 *
 * @param margin the option: if it is short, silent topics need marks soon
 */
export function natsOptions (server: NatsServer, margin: number): BackplaneTestOptions<string, NatsProcess> {
  return {
    ttl: 2500,
    lease: LEASE,
    grace: GRACE,
    createStore: newPrefix,
    removeStore: prefix => server.forget(prefix),
    connect: prefix => connectTo(server, { prefix, margin }),
    disconnect: ({ way }) => way.close(),
    future (at) {
      const [epoch, seq, tag] = at.split('-')
      return `${epoch}-${(parseInt(seq!, 36) + 2).toString(36)}-${tag}`
    },
    link: {
      cut: ({ way }) => way.cut(),
      mend: ({ way }) => way.mend()
    },
    standstill: {
      stop: () => server.stop(),
      resume: () => server.engine.goOn()
    },
    flush: prefix => server.forget(prefix),
    save: async () => server.save()
  }
}

/** A driver that is not open yet, and the way to its server. */
export async function connectTo (
  server: NatsServer, options: NatsBackplaneOptions, connection: NatsConnectionOptions = {}
): Promise<NatsProcess> {
  const way = await Relay.to({ port: server.engine.port })
  const driver = nats({ ...connection, servers: `127.0.0.1:${way.port}` }, { lease: LEASE, grace: GRACE, ...options }).create()
  return { driver, way }
}
