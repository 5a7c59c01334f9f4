import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type Test, test } from 'tap'
import { WebSocket } from 'ws'
import { RUNS_TYPESCRIPT } from '../examples/support.ts'
import { ROOT } from '../support/handshakes.ts'
import { plainNode } from '../support/plain-node.ts'
import { freePort } from '../support/ports.ts'
import { until } from './until.ts'

/** Milliseconds until the example starts again what has ended. */
const PAUSE = 1000

type Received =
  { type: 'line', at: string, from: string, text: string } |
  { type: 'welcome', node: string, at: string, recovered: boolean, here: string[] } |
  { type: 'said' | 'unsaid', id: string }

/** A client that does what the example's page does. */
class Guest {
  readonly name: string
  readonly lines: string[] = []
  readonly welcomes: Array<Extract<Received, { type: 'welcome' }>> = []
  readonly ends: number[] = []
  /** By its id. */
  readonly unsaid = new Map<string, string>()
  /** How often it was told to try again. */
  refusals = 0
  node: string | null = null
  readonly #url: string
  #socket: WebSocket | null = null
  #since: string | null = null
  #count = 0
  #isOver = false

  constructor (url: string, name: string) {
    this.#url = `${url}/rooms/tea?name=${name}`
    this.name = name
    this.#connect()
  }

  say (): void {
    const id = `${this.name}-${++this.#count}`
    this.unsaid.set(id, `word ${this.#count}`)
    this.#send(id)
  }

  get said (): string[] {
    return Array.from({ length: this.#count }, (_, i) => `${this.name}: word ${i + 1}`)
  }

  leave (): void {
    this.#isOver = true
    this.#socket?.terminate()
  }

  #connect (): void {
    const socket = this.#socket = new WebSocket(this.#since === null ? this.#url : `${this.#url}&since=${this.#since}`)
    socket.on('error', () => {})
    socket.on('message', data => { this.#receive(JSON.parse(data.toString())) })
    socket.on('close', code => {
      this.node = null
      this.ends.push(code)
      if (!this.#isOver) setTimeout(() => { this.#connect() }, 50 + Math.random() * 100)
    })
  }

  #receive (message: Received): void {
    if (message.type === 'line') {
      this.#since = message.at
      this.lines.push(`${message.from}: ${message.text}`)
    } else if (message.type === 'welcome') {
      this.welcomes.push(message)
      this.node = message.node
      if (this.#since === null || !message.recovered) this.#since = message.at
      for (const id of this.unsaid.keys()) this.#send(id)
    } else if (message.type === 'said') {
      this.unsaid.delete(message.id)
    } else {
      this.refusals++
      setTimeout(() => { this.#send(message.id) }, 200)
    }
  }

  #send (id: string): void {
    const text = this.unsaid.get(id)
    if (text !== undefined && this.#socket!.readyState === WebSocket.OPEN) this.#socket!.send(JSON.stringify({ id, text }))
  }
}

/** Four ports in a row that nobody listens on. */
async function freePorts (): Promise<number> {
  for (;;) {
    const port = await freePort()
    const servers = [1, 2, 3].map(more => createServer().listen(port + more, '127.0.0.1'))
    const areFree = await Promise.all(servers.map(server => Promise.race([
      once(server, 'listening').then(() => true), once(server, 'error').then(() => false)
    ]))).catch(() => [false])
    await Promise.all(servers.map(server => new Promise(resolve => { server.close(resolve) })))
    if (areFree.every(Boolean)) return port
  }
}

async function start (t: Test, file: string) {
  const port = await freePorts()
  const child = spawn(...plainNode(file), {
    cwd: ROOT, env: { ...process.env, PORT: String(port), PAUSE: String(PAUSE) }, stdio: ['pipe', 'pipe', 'inherit']
  })
  const exit = once(child, 'exit')
  child.stdout.resume()
  t.teardown(async () => {
    child.kill()
    await exit
  })
  const nodeAt = async (of: number): Promise<string | null> => {
    try {
      const response = await fetch(`http://127.0.0.1:${of}/ready`)
      return response.status === 200 ? (await response.json() as { node: string }).node : null
    } catch {
      return null
    }
  }
  return {
    url: `127.0.0.1:${port}`,
    /** Both, and nginx asks them in turn. */
    areReady: () => until(async () => {
      const nodes = await Promise.all([port + 1, port + 2, port, port].map(nodeAt))
      return !nodes.includes(null) && nodes[2] !== nodes[3]
    }, 'both are ready'),
    type (line: string) { child.stdin.write(`${line}\n`) },
    async stop () {
      child.kill()
      return await exit as [number | null]
    }
  }
}

test('two-nodes: whatever is killed or started again, nobody loses a line, gets one twice, or leaves', { timeout: 180_000 }, async t => {
  const example = await start(t, RUNS_TYPESCRIPT ? 'examples/two-nodes.ts' : 'dist/examples/two-nodes.js')
  await example.areReady()
  const page = await (await fetch(`http://${example.url}/`)).text()
  t.match(page, /<title>two nodes<\/title>/)
  t.notMatch(page, /\b(?:src|href)="(?!data:)/, 'it loads nothing else')

  const guests = ['ada', 'bob', 'cleo', 'dan'].map(name => new Guest(`ws://${example.url}`, name))
  t.teardown(() => { for (const guest of guests) guest.leave() })
  const areIn = (): boolean => guests.every(({ node }) => node !== null)
  await until(areIn, 'all are in')
  await until(() => guests.every(({ lines }) => guests.every(({ name }) => lines.includes(`${name}: is here`))), 'all are announced')
  t.strictSame([...new Set(guests.map(({ node }) => node))].sort(), ['A', 'B'], 'on both')
  const before = guests.map(({ lines }) => lines.length)
  const talk = setInterval(() => { for (const guest of guests) guest.say() }, 30)
  t.teardown(() => { clearInterval(talk) })

  const onA = guests.filter(({ node }) => node === 'A')
  example.type('kill A')
  await until(() => onA.every(({ node }) => node === 'B'), 'those who were on A are on B')
  await example.areReady()
  for (const { ends } of onA) t.strictSame(ends, [1006])

  example.type('restart B')
  await until(() => guests.every(({ ends, node }) => ends.includes(1001) && node === 'A'), 'all are on A')
  await example.areReady()

  const connections = guests.map(({ ends }) => ends.length)
  example.type('kill redis')
  await until(() => guests.every(({ refusals }) => refusals > 0), 'what is said is refused')
  await example.areReady()
  await until(() => guests.some(({ unsaid }) => unsaid.size < 10), 'and taken again')
  t.strictSame(guests.map(({ ends }) => ends.length), connections, 'the outage has closed nobody')

  clearInterval(talk)
  const all = (): string[] => guests.flatMap(({ said }) => said)
  await until(() => guests.every(({ unsaid }) => unsaid.size === 0), 'everything was said')
  await until(() => guests.every(({ lines }, i) => lines.length - before[i]! >= all().length), 'and heard')
  const [first, ...others] = guests.map(({ lines }, i) => lines.slice(before[i]))
  t.strictSame([...first!].sort(), all().sort(), 'once, and nobody has left')
  for (const other of others) t.strictSame(other, first, 'by all in one order')
  for (const { welcomes } of guests) t.ok(welcomes.slice(1).every(({ recovered }) => recovered), 'whoever came back has resumed')
  t.strictSame(guests.at(0)!.welcomes.at(-1)!.here.toSorted(), ['ada', 'bob', 'cleo', 'dan'])
  for (const guest of guests) guest.leave()
  t.strictSame((await example.stop())[0], 0, 'and it ends in order')
})
