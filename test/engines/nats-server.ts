import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { until } from '../support/until.ts'

/** A nats-server with JetStream, on a free port, with a store of its own. */
export class NatsServer {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'nats-'))
  #process: ChildProcess | null = null
  #connection: NatsConnection | null = null

  static async start (): Promise<NatsServer> {
    const server = new NatsServer(await freePort())
    await server.start()
    return server
  }

  constructor (port: number) {
    this.port = port
  }

  get url (): string {
    return `127.0.0.1:${this.port}`
  }

  async start (): Promise<void> {
    const args = ['-a', '127.0.0.1', '-p', String(this.port), '-js', '-sd', this.#folder]
    const process = this.#process = spawn('nats-server', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let log = ''
    process.stderr!.on('data', data => { log += data })
    await until(() => {
      if (process.exitCode !== null) throw new Error(`nats-server has ended:\n${log}`)
      return log.includes('Server is ready')
    }, 'nats-server to be ready')
  }

  /** As kill -9. */
  async kill (): Promise<void> {
    const process = this.#process
    if (process === null) return
    this.#process = null
    void this.#connection?.close()
    this.#connection = null
    const exited = once(process, 'exit')
    process.kill('SIGKILL')
    await exited
  }

  /** Answers nothing any more, until `resume`. */
  stop (): void {
    this.#process?.kill('SIGSTOP')
  }

  resume (): void {
    this.#process?.kill('SIGCONT')
  }

  /** @returns what makes the server begin again with what it has now */
  save (): () => Promise<void> {
    // What is acknowledged has been written.
    const copy = mkdtempSync(join(tmpdir(), 'nats-saved-'))
    cpSync(this.#folder, copy, { recursive: true })
    return async () => {
      await this.kill()
      rmSync(this.#folder, { recursive: true })
      cpSync(copy, this.#folder, { recursive: true })
      rmSync(copy, { recursive: true })
      await this.start()
    }
  }

  /** Somebody else who is connected. */
  async connection (): Promise<NatsConnection> {
    this.#connection ??= await connect({ servers: this.url, maxReconnectAttempts: 1, reconnectTimeWait: 10 })
    return this.#connection
  }

  /** The answer of JetStream's interface. */
  async api (method: string, body?: unknown): Promise<{ error?: { description: string }, streams?: string[] } & Record<string, unknown>> {
    const connection = await this.connection()
    return (await connection.request(`$JS.API.${method}`, body === undefined ? undefined : JSON.stringify(body), { timeout: 4000 })).json()
  }

  /** Removes all streams with a prefix. */
  async forget (prefix: string): Promise<void> {
    const { streams } = await this.api('STREAM.NAMES')
    for (const stream of streams ?? []) if (stream.startsWith(`${prefix}-`)) await this.api(`STREAM.DELETE.${stream}`)
  }

  async end (): Promise<void> {
    await this.#connection?.close()
    this.resume()
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
