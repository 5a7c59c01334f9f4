/**
 * Over one transport: a server that is besieged, another one like it that is not, and a client of each that keeps the
 * rules. Sends `run.ts` a figure of each siege.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { TEXT } from '../support/opcodes.ts'
import { RawClient } from '../support/raw-client.ts'
import { type Siege, SIEGES } from './floods.ts'
import { longestStretch, type Tick, tick, waitedIn } from './probe.ts'

/** What is seen of a server, all in milliseconds for which it was not kept waiting for a core. */
export interface Seen {
  /** The longest stretch of the event loop. */
  stretch: number
  /** From a message of the client to when it is answered. */
  p50: number
  p99: number
  max: number
}

export interface Measured {
  siege: string
  /** What the parser alone needs for the siege's messages, if that is much. */
  parsing: number
  besieged: Seen
  idle: Seen
}

/** Of a siege, in milliseconds. */
const DURATION = 300
/** Between two messages of the client that keeps the rules. */
const PAUSE = 5
/** In which a server must have come to rest after a siege. */
const PATIENCE = 60_000

class Child {
  readonly #child: ChildProcess

  private constructor (child: ChildProcess) {
    this.#child = child
  }

  /** Starts a program, and waits for its first message. */
  static async start (script: string, args: string[]): Promise<{ child: Child, greeting: any }> {
    const started = new Child(fork(new URL(script, import.meta.url), args))
    started.#child.once('exit', (code, signal) => { throw new Error(`${script} has ended with ${code ?? signal}`) })
    return { child: started, greeting: await started.#answer() }
  }

  async ask (question: unknown): Promise<any> {
    this.#child.send(question as object)
    return await this.#answer()
  }

  async #answer (): Promise<any> {
    return (await once(this.#child, 'message'))[0]
  }
}

class Server {
  readonly #child: Child
  readonly port: number
  readonly #client: RawClient
  /** When the client has asked, and when it was answered. */
  #asked: Array<{ from: number, to: number }> = []

  private constructor (child: Child, port: number, client: RawClient) {
    this.#child = child
    this.port = port
    this.#client = client
  }

  static async start (build: string[]): Promise<Server> {
    const { child, greeting: port } = await Child.start('server.js', build)
    return new Server(child, port, await RawClient.open(port, '/other'))
  }

  async ask (question: string): Promise<any> {
    return await this.#child.ask(question)
  }

  async begin (): Promise<void> {
    await this.ask('restart')
    this.#asked = []
  }

  async pingUntil (end: number): Promise<void> {
    while (performance.now() < end) {
      const from = tick().at
      this.#client.send(TEXT, 'still there?')
      const { payload } = await this.#client.frame()
      this.#asked.push({ from, to: Number(payload.toString()) })
      await wait(PAUSE)
    }
  }

  async seen (): Promise<Seen> {
    const ticks: Tick[] = await this.ask('ticks')
    const took = this.#asked
      .map(({ from, to }) => Math.max(0, to - from - waitedIn(ticks, from, to)))
      .sort((a, b) => a - b)
    const share = (part: number): number => took[Math.ceil(part * took.length) - 1]!
    return { stretch: longestStretch(ticks), p50: share(0.5), p99: share(0.99), max: share(1) }
  }

  /** Nobody is left but the client that keeps the rules. */
  async comeToRest (siege: string): Promise<void> {
    const end = performance.now() + PATIENCE
    while (await this.ask('size') > 1) {
      if (performance.now() > end) throw new Error(`still busy ${PATIENCE} ms after the siege: ${siege}`)
      await wait(PAUSE)
    }
  }
}

function nameOf ({ flood, url, clients }: Siege): string {
  return `${clients === 1 ? '' : `${clients} × `}${flood.name} → ${url}`
}

const transport = process.env.TEST_TRANSPORT!
const build = process.argv.slice(2)
const [server, control] = await Promise.all([Server.start(build), Server.start(build)])
const { child: flooder } = await Child.start('flooder.js', [String(server.port), transport])
const parsing: number = await control.ask('parse')

async function measure (index: number): Promise<Measured> {
  const siege = SIEGES[transport]![index]!
  const name = nameOf(siege)
  await flooder.ask(['open', index])
  await server.begin()
  await control.begin()
  await flooder.ask(['go', index])
  const end = performance.now() + DURATION
  await Promise.all([server.pingUntil(end), control.pingUntil(end)])
  const measured = {
    siege: `${transport}: ${name}`,
    parsing: siege.flood.large === true ? parsing : 0,
    besieged: await server.seen(),
    idle: await control.seen()
  }
  await flooder.ask(['stop', index])
  await server.comeToRest(name)
  return measured
}

process.on('message', async (index: number) => { process.send!(await measure(index)) })
process.on('disconnect', () => process.exit())
process.send!(null)
