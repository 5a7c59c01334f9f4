import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { until } from '../support/until.ts'
import { type EngineServer, type Owner, startNats } from './servers.ts'

/** A server with JetStream, and somebody who may do with its streams what no driver does. */
export class NatsServer {
  readonly engine: EngineServer

  static async start (t: Owner, config?: string): Promise<NatsServer> {
    return new NatsServer(await startNats(t, { config }))
  }

  constructor (engine: EngineServer) {
    this.engine = engine
  }

  get url (): string {
    return `127.0.0.1:${this.engine.port}`
  }

  /** Resolves when it really stands still: the kernel takes a while where much is going on. */
  async stop (): Promise<void> {
    this.engine.stop()
    await until(() => / T /.test(readFileSync(`/proc/${this.engine.pid}/stat`, 'latin1')), 'the server to stand still')
  }

  /** Asks JetStream's interface. */
  async api (method: string, body?: unknown): Promise<{ error?: { description: string } } & Record<string, unknown>> {
    return this.with(async connection => {
      return (await connection.request(`$JS.API.${method}`, body === undefined ? undefined : JSON.stringify(body), { timeout: 4000 })).json()
    })
  }

  /** Does something with a connection of its own. */
  async with<Answer> (work: (connection: NatsConnection) => Promise<Answer>): Promise<Answer> {
    const connection = await connect({ servers: this.url, reconnect: false })
    try {
      return await work(connection)
    } finally {
      await connection.close()
    }
  }

  /** Removes all streams of a prefix. */
  async forget (prefix: string): Promise<void> {
    const { streams } = await this.api('STREAM.NAMES') as { streams: string[] | null }
    for (const stream of streams ?? []) if (stream.startsWith(`${prefix}-`)) await this.api(`STREAM.DELETE.${stream}`)
  }

  /** @returns what makes the server begin again with what it has now */
  save (): () => Promise<void> {
    // What is acknowledged has been written.
    const copy = mkdtempSync(join(tmpdir(), 'sockets-nats-saved-'))
    cpSync(this.engine.folder, copy, { recursive: true })
    return async () => {
      await this.engine.kill()
      rmSync(join(this.engine.folder, 'jetstream'), { recursive: true, force: true })
      cpSync(copy, this.engine.folder, { recursive: true })
      rmSync(copy, { recursive: true })
      await this.engine.start()
    }
  }
}
