import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/ports.ts'
import { dyingWithUs, environment } from '../support/programs.ts'

/** Milliseconds that a server may take until it answers, and between two looks. */
const PATIENCE = 15_000
const LOOK = 20

/** How often another port is tried, because somebody else may take one between our look and the server's. */
const PORTS = 5

/** Whose end ends the server: a test of tap, or anything alike. */
export interface Owner {
  teardown (end: () => unknown): unknown
}

export interface RedisOptions {
  /** The append-only file, and when it goes to the disk; by default nothing is written, and a restart begins empty. */
  aof?: 'always' | 'everysec'
  /** More lines of redis.conf: `{ 'cluster-enabled': 'yes' }`. */
  config?: Record<string, string>
}

export interface NatsOptions {
  /** Default true. Its data outlive a restart. */
  jetStream?: boolean
  /** More text of its configuration. */
  config?: string
}

/** How a kind of server is started and asked. */
interface Kind {
  name: 'redis' | 'nats'
  command: string
  debian: string
  args (port: number, folder: string): string[]
  /** What a client sends first, and what the answer must have in it. */
  greeting: string
  answer: string
}

/** A server in a process of its own, on 127.0.0.1, with a folder of its own. */
export class EngineServer {
  readonly name: 'redis' | 'nats'
  readonly port: number
  /** Where its data are. */
  readonly folder: string
  readonly #kind: Kind
  #child: ChildProcess | null = null
  #output = ''

  constructor (kind: Kind, port: number) {
    this.name = kind.name
    this.port = port
    this.folder = mkdtempSync(join(tmpdir(), `sockets-${kind.name}-`))
    this.#kind = kind
    process.once('exit', this.#onExit)
  }

  /** `redis://127.0.0.1:20123` */
  get url (): string {
    return `${this.name}://127.0.0.1:${this.port}`
  }

  /** Undefined while it does not run. */
  get pid (): number | undefined {
    return this.#child?.pid
  }

  /** It stands still, and the kernel still takes what is sent to it. */
  stop (): void {
    this.#child?.kill('SIGSTOP')
  }

  /** It goes on after `stop`. */
  goOn (): void {
    this.#child?.kill('SIGCONT')
  }

  /** It dies at once; only what it has written to its folder is left. */
  async kill (): Promise<void> {
    const child = this.#child
    if (child === null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  /** Starts it, on the same port and folder again if it has run before. Resolves when it answers. */
  async start (): Promise<void> {
    const { command, debian, args } = this.#kind
    const [program, all] = dyingWithUs(command, args(this.port, this.folder))
    const child = spawn(program, all, { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#output = ''
    const keep = (text: Buffer): void => { this.#output = (this.#output + text.toString()).slice(-4000) }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', () => {})
    child.once('exit', () => { this.#child = null })
    for (const end = Date.now() + PATIENCE; !await this.#answers();) {
      if (this.#child !== child) throw new Error(`${command} ended (apt-get install ${debian}): ${this.#output}`)
      if (Date.now() > end) throw new Error(`${command} does not answer: ${this.#output}`)
      await new Promise(resolve => { setTimeout(resolve, LOOK) })
    }
  }

  /** Kills it and removes its folder. */
  async end (): Promise<void> {
    await this.kill()
    process.removeListener('exit', this.#onExit)
    this.#onExit()
  }

  readonly #onExit = (): void => {
    this.#child?.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }

  #answers (): Promise<boolean> {
    const { greeting, answer } = this.#kind
    return new Promise(resolve => {
      let heard = ''
      const socket = connect(this.port, '127.0.0.1', () => { socket.write(greeting) })
      socket.setTimeout(1000, () => { socket.destroy() })
      socket.on('data', data => {
        heard += data.toString('latin1')
        if (heard.includes('\r\n')) socket.destroy()
      })
      socket.on('error', () => {})
      socket.on('close', () => { resolve(heard.includes(answer)) })
    })
  }
}

/** A Redis that ends with the test. */
export function startRedis (t: Owner, { aof, config = {} }: RedisOptions = {}): Promise<EngineServer> {
  const settings = { save: '', ...aof && { appendonly: 'yes', appendfsync: aof }, ...config }
  const more = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value])
  return started(t, {
    name: 'redis',
    command: process.env.REDIS_SERVER ?? 'redis-server',
    debian: 'redis-server',
    args: (port, folder) => ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...more],
    greeting: 'PING\r\n',
    // While it loads its data, it answers with -LOADING.
    answer: '+PONG'
  })
}

/** A NATS server that ends with the test. */
export function startNats (t: Owner, { jetStream = true, config }: NatsOptions = {}): Promise<EngineServer> {
  return started(t, {
    name: 'nats',
    command: process.env.NATS_SERVER ?? 'nats-server',
    debian: 'nats-server',
    args: (port, folder) => {
      const file = join(folder, 'nats.conf')
      if (config !== undefined) writeFileSync(file, config)
      return [
        '-a', '127.0.0.1', '-p', String(port),
        ...jetStream ? ['-js', '-sd', folder] : [], ...config === undefined ? [] : ['-c', file]
      ]
    },
    greeting: 'PING\r\n',
    answer: jetStream ? '"jetstream":true' : 'INFO {'
  })
}

async function started (t: Owner, kind: Kind): Promise<EngineServer> {
  for (let left = PORTS; ; left--) {
    const server = new EngineServer(kind, await freePort())
    t.teardown(() => server.end())
    try {
      await server.start()
      return server
    } catch (error) {
      await server.end()
      if (left === 1) throw error
    }
  }
}
