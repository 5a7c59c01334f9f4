import { setTimeout as wait } from 'node:timers/promises'
import { fakeBackplane } from '../backplane/fake-driver.ts'
import { FakeStore } from '../backplane/fake-store.ts'
import { derived } from '../chaos/seeds.ts'
import { Random } from '../differential/random.ts'
import { BUILDS, type BuildName } from './builds.ts'
import { Feed } from './feed.ts'
import { RoughRelay } from './rough-relay.ts'
import { Storm } from './storm.ts'
import { QUICK, SERVER_HEARTBEAT } from './times.ts'
import { Witness } from './witness.ts'

/** Milliseconds that the storm lasts. */
const STORM = 2500
/** Milliseconds afterwards in which each client must have everything. */
const CALM = 15_000

/** Milliseconds in which a client without pings gets its first answer, before the storm. */
const FIRST_ANSWER = 150

interface Follower {
  readonly name: string
  readonly witness: Witness
  /** What became of each message that it sent. */
  readonly outcomes: Map<number, string>
  said: number
}

/** What a seed chooses. */
export interface Plan {
  /** Whether what is published outlives a restart of the server. */
  readonly keeps: boolean
  /** Restarts: none, told to the clients (1001), or not. */
  readonly restarts: 'none' | 'told' | 'untold' | 'both'
  readonly followers: ReadonlyArray<{ build: BuildName, codec: 'json' | 'raw', consumer: 'listener' | 'loop' | 'slow' }>
}

export interface Outcome {
  plan: Plan
  published: number
  connections: number
  restarted: number
  blows: Record<string, number>
  faults: string[]
}

function planOf (random: Random): Plan {
  const restarts = random.pick(['none', 'none', 'told', 'untold', 'both'] as const)
  return {
    keeps: restarts !== 'none' && random.chance(0.7),
    restarts,
    followers: Array.from({ length: 3 }, (_, i) => ({
      build: i === 0 ? 'node' : random.pick(['node', 'web'] as const),
      codec: random.pick(['json', 'json', 'raw'] as const),
      consumer: random.pick(['listener', 'loop', 'slow'] as const)
    }))
  }
}

/** Clients follow a topic while server and network are broken at random. */
export class Round {
  readonly #seed: number
  readonly #plan: Plan
  readonly #store = new FakeStore()
  readonly #heard = new Map<string, Array<{ connection: number, said: number }>>()
  readonly #faults: string[] = []
  #feed!: Feed
  /** Publishes while the other is away; null: nobody does. */
  #publisher: Feed | null = null
  #isUp = false
  #published = 0
  #restarted = 0
  #port = 0

  constructor (seed: number) {
    this.#seed = seed
    this.#plan = planOf(new Random(derived(seed, 0)))
  }

  async run (): Promise<Outcome> {
    const { keeps, restarts } = this.#plan
    this.#feed = this.#newFeed()
    this.#port = await this.#feed.listen()
    this.#isUp = true
    if (keeps) {
      this.#publisher = this.#newFeed()
      await this.#publisher.app.ready()
    }
    const { at } = await (this.#publisher ?? this.#feed).publish(0, '')
    const relay = await RoughRelay.to(this.#port)
    const storm = new Storm(relay, new Random(derived(this.#seed, 1)))
    const followers = this.#plan.followers.map((_, i) => this.#follow(i, relay.port, at))
    // Without pings, only a server that has answered once is known to answer.
    if (this.#plan.followers.some(({ build }) => build === 'web')) {
      await Promise.all(followers.map(({ witness }) => witness.socket.opened))
      await wait(FIRST_ANSWER)
    }
    storm.begin()
    const isOver = new AbortController()
    const busy = [
      this.#publish(isOver.signal), this.#speak(followers, isOver.signal),
      restarts === 'none' ? null : this.#restart(isOver.signal)
    ]
    await wait(STORM)
    isOver.abort()
    storm.end()
    await Promise.all(busy)
    // In a browser, nobody can be asked for a sound over a route without schemas: who waits there learns of it now.
    const isDeaf = this.#plan.followers.some(({ build, codec }) => build === 'web' && codec === 'raw')
    if (isDeaf) for (const passage of relay.passages) if (passage.isSilent || passage.willBeSilent) passage.destroy()
    await this.#settle(followers)
    await relay.close()
    await Promise.all([this.#feed.kill(), this.#publisher?.app.close()])
    return {
      plan: this.#plan, published: this.#published, connections: relay.accepted, restarted: this.#restarted,
      blows: storm.counts, faults: this.#faults
    }
  }

  #newFeed (): Feed {
    return new Feed({
      heartbeat: SERVER_HEARTBEAT,
      ...this.#plan.keeps && { backplane: fakeBackplane(this.#store) },
      onSaid: (client, connection, said) => { this.#heard.get(client)!.push({ connection, said }) }
    })
  }

  #follow (i: number, port: number, at: string): Follower {
    const { build, codec, consumer } = this.#plan.followers[i]!
    const id = `${i}`
    const random = new Random(derived(this.#seed, 100 + i))
    this.#heard.set(id, [])
    const socket = BUILDS[build](`ws://127.0.0.1:${port}`, QUICK).connect(`/${codec}`, {
      codec,
      query: ({ since = at }: { since?: string }) => ({ id, since }),
      queue: true,
      ...codec === 'raw' && { position: (message: string) => (JSON.parse(message) as { at: string }).at },
      // Node reads no further; in a browser that would be the end.
      ...build === 'node' && consumer === 'slow' && { maxQueued: 4096 }
    })
    const pause = consumer === 'listener' ? null : () => consumer === 'slow' && random.chance(0.2) ? wait(random.int(20)) : null
    const witness = new Witness(socket, 0, () => !this.#plan.keeps && this.#restarted > 0, pause)
    return { name: `${build} ${codec} ${consumer}`, witness, outcomes: new Map(), said: 0 }
  }

  async #publish (signal: AbortSignal): Promise<void> {
    const random = new Random(derived(this.#seed, 2))
    while (!signal.aborted) {
      const length = random.chance(0.9) ? random.int(300) : random.int(random.chance(0.1) ? 100_000 : 5000)
      for (let i = random.chance(0.1) ? 20 : 1; i > 0; i--) await this.#publishOne('x'.repeat(length))
      await wait(random.int(12))
    }
  }

  async #publishOne (text: string): Promise<void> {
    const feed = this.#publisher ?? (this.#isUp ? this.#feed : null)
    await feed?.publish(++this.#published, text)
  }

  async #speak (followers: Follower[], signal: AbortSignal): Promise<void> {
    const random = new Random(derived(this.#seed, 3))
    for (const { witness: { socket }, outcomes } of followers) {
      socket.on('drop', (message: any) => { outcomes.set((typeof message === 'string' ? JSON.parse(message) : message).said, 'dropped later') })
    }
    while (!signal.aborted) {
      const [i, pause] = [random.int(followers.length), random.int(20)]
      const { witness: { socket }, outcomes } = followers[i]!
      const message = { said: ++followers[i]!.said }
      outcomes.set(message.said, socket.send(this.#plan.followers[i]!.codec === 'raw' ? JSON.stringify(message) : message))
      await wait(pause)
    }
  }

  async #restart (signal: AbortSignal): Promise<void> {
    const random = new Random(derived(this.#seed, 4))
    while (!signal.aborted) {
      await wait(100 + random.int(900))
      if (signal.aborted) break
      const isTold = this.#plan.restarts === 'both' ? random.chance(0.5) : this.#plan.restarts === 'told'
      const away = random.int(250)
      this.#isUp = false
      if (isTold) await this.#feed.app.close()
      else await this.#feed.kill()
      this.#restarted++
      await wait(away)
      this.#feed = this.#newFeed()
      await this.#feed.listen(this.#port)
      this.#isUp = true
    }
  }

  async #settle (followers: Follower[]): Promise<void> {
    const end = performance.now() + CALM
    const isBehind = ({ witness }: Follower) => witness.last < this.#published && witness.socket.state !== 'closed'
    while (followers.some(isBehind) && performance.now() < end) {
      // Somebody who has begun anew has nothing to get until something is published.
      if (!this.#plan.keeps) await this.#publishOne('')
      await wait(50)
    }
    for (const [i, follower] of followers.entries()) await this.#check(i, follower)
  }

  async #check (i: number, { name, witness, outcomes }: Follower): Promise<void> {
    const add = (fault: string) => this.#faults.push(`client ${i}, ${name}: ${fault}`)
    const { socket, faults, last } = witness
    for (const fault of faults.slice(0, 5)) add(fault)
    if (socket.state === 'closed') add(`it has closed: ${JSON.stringify(await socket.closed)} ${(await socket.closed).error?.stack}`)
    else if (last < this.#published - (this.#plan.keeps ? 0 : 2)) add(`it has ${last} of ${this.#published} messages, and is ${socket.state}`)
    const left = await Promise.race([socket.close().then(() => witness.ended), wait(2000, 'late', { ref: false })])
    if (left === 'late') add('close() did not end')
    this.#checkSaid(i, outcomes, add)
  }

  /** Nothing that was sent arrives twice, or though it was dropped; and each connection keeps the order. */
  #checkSaid (i: number, outcomes: Map<number, string>, add: (fault: string) => void): void {
    const heard = this.#heard.get(`${i}`)!
    const seen = new Set<number>()
    const lasts = new Map<number, number>()
    for (const { connection, said } of heard) {
      if (seen.has(said)) add(`${said} was sent twice`)
      seen.add(said)
      if (said <= (lasts.get(connection) ?? 0)) add(`${said} behind ${lasts.get(connection)}`)
      lasts.set(connection, said)
      if (outcomes.get(said)!.startsWith('dropped')) add(`${said} was ${outcomes.get(said)} and sent`)
    }
  }
}
