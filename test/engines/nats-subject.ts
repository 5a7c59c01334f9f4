import { nats, type NatsBackplaneOptions } from '../../lib/nats/index.ts'
import type { BackplaneTestOptions } from '../../lib/backplane-tests/options.ts'
import type { BackplaneDriver } from '../../types/backplane.ts'
import { Cuttable } from './cuttable.ts'
import type { NatsServer } from './nats-server.ts'

export interface NatsProcess {
  readonly driver: BackplaneDriver
  readonly way: Cuttable
}

let stores = 0

/** Milliseconds. */
export const LEASE = 1500
export const GRACE = 600

/** Drivers on a server, each store being a prefix. */
export function natsOptions (server: NatsServer): BackplaneTestOptions<string, NatsProcess> {
  return {
    ttl: 1000,
    lease: LEASE,
    grace: GRACE,
    createStore: () => `test-${process.pid}-${++stores}`,
    removeStore: prefix => server.forget(prefix),
    connect: prefix => connectTo(server, { prefix }),
    disconnect: ({ way }) => way.end(),
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
      resume: () => server.resume()
    },
    flush: prefix => server.forget(prefix),
    save: async () => server.save()
  }
}

export async function connectTo (server: NatsServer, options: NatsBackplaneOptions): Promise<NatsProcess> {
  const way = await Cuttable.to(server.port)
  const driver = nats({ servers: way.url }, { lease: LEASE, grace: GRACE, margin: 1000, ...options }).create()
  return { driver, way }
}
