import type { Backplane } from 'fastify-sockets'

/** What a process is to connect to; plain data, because another process tells it. */
export interface EngineChoice {
  /** `none`: topics of one process, for a look at the tests themselves. */
  name: 'redis' | 'nats' | 'none'
  url: string
  prefix: string
  /** Milliseconds without a heartbeat after which a process is taken for gone. */
  lease: number
}

/** As the code of a user would make it. Only what is used is loaded. */
export async function openBackplane ({ name, url, prefix, lease }: EngineChoice): Promise<Backplane | undefined> {
  if (name === 'none') return undefined
  if (name === 'nats') {
    const { nats } = await import('fastify-sockets/nats')
    return nats({ servers: url }, { prefix, lease })
  }
  const [{ Redis }, { redis }] = await Promise.all([import('ioredis'), import('fastify-sockets/redis')])
  const client = new Redis(url)
  client.on('error', () => {})
  return redis(client, { prefix, lease })
}
