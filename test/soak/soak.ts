import type { Begin, ClientQuestions, EndOrder } from './clients.ts'
import type { Findings } from './findings.ts'
import type { Followed } from './follower.ts'
import { Child } from './ipc.ts'
import type { Network } from './network.ts'
import { type Follows, type Group, GROUPS, type Visits } from './plan.ts'
import type { ServerQuestions } from './server.ts'
import { HEARTBEAT, PATIENCE } from './times.ts'
import type { Report } from './visit.ts'
import type { Target } from './wire.ts'

/** The server, the processes of the clients, and what is between them. */
export class Soak {
  readonly server = new Child<ServerQuestions>('server', 'the server', ['--expose-gc'])
  readonly clients: Record<Group, Child<ClientQuestions>>
  readonly seed: number
  readonly findings: Findings
  /** Null: a process that should lose its network is stopped instead. */
  readonly #network: Network | null
  #target!: Target

  constructor (network: Network | null, seed: number, findings: Findings) {
    this.#network = network
    this.seed = seed
    this.findings = findings
    const start = (group: Group) => {
      return new Child<ClientQuestions>('clients', `the clients '${group}'`, [], group === 'cut' ? network?.within : [])
    }
    this.clients = { raw: start('raw'), ws: start('ws'), cut: start('cut'), frozen: start('frozen') }
  }

  async listen (): Promise<void> {
    const host = this.#network?.host ?? '127.0.0.1'
    this.#target = { host, port: await this.server.ask('listen', host) }
  }

  /** Resolves when all clients that stay are connected. */
  async begin (visits: Visits, follows: Follows, opening: number): Promise<void> {
    const { seed } = this
    await Promise.all(GROUPS.map(async group => {
      const begin: Begin = {
        target: this.#target, visits: visits[group], follows: follows[group] ?? [], seed, patience: opening + PATIENCE
      }
      await this.clients[group].ask('begin', begin)
    }))
  }

  /** From now on nothing is heard of the groups `cut` and `frozen`. */
  silence (): void {
    if (this.#network === null) this.clients.cut.kill('SIGSTOP')
    else this.#network.cut()
    this.clients.frozen.kill('SIGSTOP')
  }

  /** Lets the processes go on. */
  thaw (): void {
    if (this.#network === null) this.clients.cut.kill('SIGCONT')
    this.clients.frozen.kill('SIGCONT')
  }

  /** Ends the clients of these groups. */
  async end (groups: Group[], order: EndOrder): Promise<{ reports: Report[], followed: Followed[] }> {
    const outcomes = await Promise.all(groups.map(group => this.clients[group].ask('end', order)))
    outcomes.forEach(({ stuck }, i) => {
      const group = groups[i]!
      if (group === 'frozen' || stuck < HEARTBEAT.timeout) return
      console.log(`The process of the clients '${group}' was stuck for ${Math.round(stuck)} ms, so the server may have`)
      console.log('cut clients for good reason. Are there too many for this machine? See --connections.')
    })
    return { reports: outcomes.flatMap(({ reports }) => reports), followed: outcomes.flatMap(({ followed }) => followed) }
  }

  mend (): void {
    this.#network?.mend()
  }

  kill (): void {
    for (const child of [this.server, ...Object.values(this.clients)]) child.kill('SIGKILL')
  }
}
