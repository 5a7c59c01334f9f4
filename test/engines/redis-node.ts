import { Redis } from 'ioredis'
import { redis, type RedisClient, type RedisOptions } from '../../lib/redis/index.mts'
import type {
  AnnouncedPlace, BackplaneDriver, BackplaneEvents, OutgoingMessage, Retention, StoredMember
} from '../../types/backplane.ts'
import type { Owner } from './servers.ts'
import { until } from '../support/until.ts'

export interface Heard {
  topic: string
  text: string
  place: AnnouncedPlace | null
}

/** A process with a driver, and everything that it was told. */
export class RedisNode implements BackplaneEvents {
  readonly driver: BackplaneDriver
  readonly heard: Heard[] = []
  readonly signals: string[] = []
  readonly gone: Array<[topic: string, member: StoredMember]> = []
  readonly back: Array<[topic: string, member: StoredMember]> = []
  readonly states: string[] = []
  readonly errors: string[] = []

  constructor (client: RedisClient, options?: RedisOptions) {
    this.driver = redis(client, options).create()
  }

  onMessage (topic: string, bytes: Uint8Array, place: AnnouncedPlace | null): void {
    this.heard.push({ topic, text: textOf(bytes), place })
  }

  onSignal (bytes: Uint8Array): void {
    this.signals.push(textOf(bytes))
  }

  onGone (topic: string, member: StoredMember): void {
    this.gone.push([topic, member])
  }

  onBack (topic: string, member: StoredMember): void {
    this.back.push([topic, member])
  }

  onState (state: 'up' | 'down', error: Error | null): void {
    this.states.push(state)
    if (error !== null) this.errors.push(error.message)
  }

  get state (): string | undefined {
    return this.states.at(-1)
  }

  publish (topic: string, text: string | Uint8Array, retention: Retention | null = null, id: string | null = null): Promise<string> {
    return new Promise((resolve, reject) => {
      this.driver.publish([message(topic, text, retention, id, resolve, reject)])
    })
  }

  /** All in one call. */
  publishAll (messages: ReadonlyArray<[topic: string, text: string, retention?: Retention | null, id?: string | null]>): Promise<string[]> {
    const outgoing: OutgoingMessage[] = []
    const answers = messages.map(([topic, text, retention = null, id = null]) => new Promise<string>((resolve, reject) => {
      outgoing.push(message(topic, text, retention, id, resolve, reject))
    }))
    this.driver.publish(outgoing)
    return Promise.all(answers)
  }

  /** The texts of a topic that it has heard. */
  texts (topic: string): string[] {
    return this.heard.filter(one => one.topic === topic).map(({ text }) => text)
  }

  async hears (topic: string, count: number): Promise<string[]> {
    await until(() => this.texts(topic).length >= count, `${count} of ${topic}`)
    return this.texts(topic)
  }
}

function message (
  topic: string, text: string | Uint8Array, retention: Retention | null, id: string | null, done: (at: string) => void, failed: (error: Error) => void
): OutgoingMessage {
  return { topic, bytes: typeof text === 'string' ? Buffer.from(text) : text, retention, id, done, failed }
}

export function textOf (bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}

/** A client as users make one: it connects when it is used first. */
export function clientOf (server: { port: number }, options: object = {}): Redis {
  return new Redis({ port: server.port, host: '127.0.0.1', lazyConnect: true, ...options })
}

/** A process that is connected, until the end of the test. */
export async function openNode (t: Owner, server: { port: number }, options?: RedisOptions, client: RedisClient = clientOf(server)): Promise<RedisNode> {
  const node = new RedisNode(client, options)
  t.teardown(() => node.driver.close())
  await node.driver.open(node)
  return node
}

/** Somebody who looks into the server. */
export function spy (t: Owner, server: { port: number }): Redis {
  const client = clientOf(server)
  client.on('error', () => {})
  t.teardown(() => { client.disconnect() })
  return client
}
