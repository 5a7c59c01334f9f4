import type { Test } from 'tap'
import { Child } from '../soak/ipc.ts'
import { until } from './until.ts'
import type { EngineChoice } from './engine-choice.ts'
import type { Kind, NodeQuestions, NodeSettings, NodeState } from './node.ts'
import type { Load, Made } from './publisher.ts'
import { dyingWithUs } from '../support/programs.ts'
import { type EngineServer } from './servers.ts'

export type ClusterOptions = Partial<Omit<NodeSettings, 'engine' | 'port'>> & { nodes?: number, lease?: number }

/** A server process. */
export class Node {
  readonly index: number
  readonly #settings: NodeSettings
  #child: Child<NodeQuestions>
  #port = 0

  constructor (index: number, settings: NodeSettings) {
    this.index = index
    this.#settings = settings
    this.#child = this.#spawn()
  }

  get port (): number {
    return this.#port
  }

  get pid (): number {
    return this.#child.pid
  }

  get ask (): Child<NodeQuestions>['ask'] {
    return this.#child.ask.bind(this.#child)
  }

  state (): Promise<NodeState> {
    return this.ask('state')
  }

  async listen (): Promise<void> {
    this.#port = await this.ask('listen', { ...this.#settings, port: this.#port })
  }

  /** It stands still; whoever it is connected to cannot know. */
  stop (): void {
    this.#child.kill('SIGSTOP')
  }

  goOn (): void {
    this.#child.kill('SIGCONT')
  }

  /** Ends at once, and tells nobody. */
  async kill (): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#child.exit
  }

  /** Ends as when another version is deployed. */
  async close (): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#child.exit
  }

  /** Another process on the same port. */
  async restart (): Promise<void> {
    this.#child = this.#spawn()
    await this.listen()
  }

  #spawn (): Child<NodeQuestions> {
    const [command, args] = dyingWithUs('env', ['-u', 'NODE_OPTIONS'])
    return new Child<NodeQuestions>('../engines/node', `node ${this.index}`, ['--expose-gc', '--enable-source-maps'], [command, ...args])
  }
}

/** Several nodes on one engine, which end with the test. */
export class Cluster {
  readonly nodes: readonly Node[]

  constructor (nodes: readonly Node[]) {
    this.nodes = nodes
  }

  node (index: number): Node {
    return this.nodes[index % this.nodes.length]!
  }

  /** Each node publishes for itself. */
  async begin (kind: Kind, room: string, load: Partial<Load> = {}): Promise<void> {
    await Promise.all(this.nodes.map(({ ask, index }) =>
      ask('begin', { kind, room, from: `${kind}-${index}`, inFlight: 8, pace: 5, ...load })))
  }

  end (kind: Kind): Promise<Made[]> {
    return Promise.all(this.nodes.map(({ ask, index }) => ask('end', `${kind}-${index}`)))
  }

  states (): Promise<NodeState[]> {
    return Promise.all(this.nodes.map(node => node.state()))
  }

  /** @returns how many milliseconds that took */
  async hasState (state: 'up' | 'down'): Promise<number> {
    const began = Date.now()
    await until(async () => (await this.states()).every(({ backplane }) => backplane?.state === state), `all nodes are ${state}`)
    return Date.now() - began
  }
}

export async function startCluster (t: Test, engine: EngineServer | null, options: ClusterOptions = {}): Promise<Cluster> {
  const { nodes: count = 3, lease = 30_000, history = 5000, padding = 0, grace = 200 } = options
  const choice: EngineChoice = { name: engine?.name ?? 'none', url: engine?.url ?? '', prefix: 'test', lease }
  const nodes = Array.from({ length: count }, (_, index) => new Node(index, { engine: choice, port: 0, history, padding, grace }))
  t.teardown(() => Promise.all(nodes.map(node => node.kill())))
  await Promise.all(nodes.map(node => node.listen()))
  return new Cluster(nodes)
}
