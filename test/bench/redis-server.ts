import { spawnSync } from 'node:child_process'
import { Redis } from 'ioredis'
import { type EngineServer, startRedis } from '../engines/servers.ts'
import { environment } from '../support/programs.ts'
import type { CpuTime } from './measurement.ts'

export interface Usage extends CpuTime {
  /** Those that scripts have called included. */
  commands: number
}

/** Its version, or null if it is not installed. */
export function redisVersion (): string | null {
  const { stdout } = spawnSync(process.env.REDIS_SERVER ?? 'redis-server', ['--version'], { encoding: 'utf8', env: environment() })
  return /v=(\S+)/.exec(stdout ?? '')?.[1] ?? null
}

/** A Redis that keeps nothing on the disk. */
export class RedisServer {
  readonly port: number
  readonly #server: EngineServer
  readonly #client: Redis

  private constructor (server: EngineServer) {
    this.port = server.port
    this.#server = server
    this.#client = new Redis({ port: server.port, host: '127.0.0.1' })
  }

  static async start (): Promise<RedisServer> {
    return new RedisServer(await startRedis({ teardown () {} }))
  }

  /** What it has done so far. */
  async usage (): Promise<Usage> {
    const info = await this.#client.info()
    const of = (key: string): number => Number(new RegExp(`^${key}:([\\d.]+)`, 'm').exec(info)![1])
    return {
      seconds: of('used_cpu_sys') + of('used_cpu_user'),
      commands: of('total_commands_processed'),
      at: performance.now() / 1000
    }
  }

  async stop (): Promise<void> {
    this.#client.disconnect()
    await this.#server.end()
  }
}
