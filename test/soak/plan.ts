import type { Random, Weights } from '../differential/random.ts'
import type { Follow } from './follower.ts'
import { ROOMS } from './rooms.ts'
import type { End, Route, Visit } from './visit.ts'

/**
 * The processes that clients live in. Those of `cut` lose their network, those of `frozen` are stopped, and neither
 * says a word.
 */
export const GROUPS = ['raw', 'ws', 'cut', 'frozen'] as const
export type Group = typeof GROUPS[number]
export type Visits = Record<Group, Visit[]>
export type Follows = Partial<Record<Group, Follow[]>>

/** Sizes and times of a round; times in milliseconds. */
export interface Pace {
  /** Connections that are there at one time. */
  connections: number
  /** While those connect. */
  opening: number
  /** From then until they begin to end. */
  talking: number
  /** From the first of them to the last. */
  ending: number
}

/** Shares of the clients that stay. */
const SHARES: Weights<Group> = { raw: 0.62, ws: 0.26, cut: 0.08, frozen: 0.04 }
/** Clients that follow a room, for each one that stays; few of them where messages are long. */
const FOLLOWING = 0.1
const FOLLOW_LONG = 6
/** Clients that come and go meanwhile, for each one that stays. */
const PASSING = 0.5

const ROUTES: Record<Visit['client'], Weights<Route>> = {
  raw: { plain: 0.35, deflate: 0.2, schemas: 0.2, idle: 0.15, slow: 0.1 },
  ws: { takeover: 0.35, deflate: 0.2, plain: 0.15, schemas: 0.1, idle: 0.1, slow: 0.1 }
}
const ENDS: Weights<End> = { close: 0.45, 'close-early': 0.1, told: 0.1, fin: 0.15, reset: 0.2 }
/** The idle route answers nothing, and nobody is told anything there. */
const IDLE_ENDS: Weights<End> = { close: 0.6, fin: 0.2, reset: 0.2 }
const HANDSHAKES: Weights<Route> = { held: 0.1, refused: 0.05 }
const SHUTDOWN_ENDS: Weights<End> = { shutdown: 0.95, deaf: 0.05 }
const MOST_MESSAGES = 40
const MOST_AT_ONCE = 8
/** Of clients that stay, with 2,000 of them: more take longer, so that the messages of a second are as many. */
const PAUSE = 2000
const ENDLESS = 1e9

/** Makes visits, each with an id of its own. */
export class Planner {
  readonly #random: Random
  #lastId = 0

  constructor (random: Random) {
    this.#random = random
  }

  /** Clients that stay, and others that come and go while those open and talk. */
  round ({ connections, opening, talking }: Pace): Visits {
    const visits: Visits = { raw: [], ws: [], cut: [], frozen: [] }
    for (let i = 0; i < connections; i++) {
      const group = this.#random.weighted(SHARES)
      const silent = group === 'cut' || group === 'frozen'
      const client = silent ? this.#random.pick(['raw', 'ws'] as const) : group
      visits[group].push(this.#staying(client, silent ? 'silent' : null, opening, connections))
    }
    for (let i = 0; i < connections * PASSING; i++) {
      const client = this.#random.pick(['raw', 'raw', 'ws'] as const)
      visits[client].push(this.#passing(client, opening + talking))
    }
    return visits
  }

  /** Clients that follow rooms, over many connections. */
  follows ({ connections, opening }: Pace): Follows {
    const follows: Record<'raw' | 'ws', Follow[]> = { raw: [], ws: [] }
    for (let i = 0; i < connections * FOLLOWING; i++) {
      const client = this.#random.pick(['raw', 'ws'] as const)
      const room = i < FOLLOW_LONG ? 0 : 1 + this.#random.int(ROOMS - 1)
      follows[client].push({ id: ++this.#lastId, client, room, opensAt: this.#random.int(opening) })
    }
    return follows
  }

  /** Clients that stay until `app.close()`. */
  lastRound ({ connections, opening }: Pace): Visits {
    const visits: Visits = { raw: [], ws: [], cut: [], frozen: [] }
    for (let i = 0; i < connections; i++) {
      const client = this.#random.pick(['raw', 'raw', 'ws'] as const)
      visits[client].push(this.#staying(client, this.#random.weighted(SHUTDOWN_ENDS), opening, connections))
    }
    return visits
  }

  #staying (client: Visit['client'], end: End | null, opening: number, connections: number): Visit {
    const route = this.#random.weighted(ROUTES[client])
    const own = end ?? this.#random.weighted(route === 'idle' ? IDLE_ENDS : ENDS)
    // Those that meet their end while they talk have always something to say.
    const messages = route === 'idle' ? 0 : end === null ? this.#random.int(MOST_MESSAGES) : ENDLESS
    return {
      id: ++this.#lastId,
      client,
      route,
      end: own,
      opensAt: this.#random.int(opening),
      stays: true,
      messages,
      atOnce: 1 + this.#random.int(MOST_AT_ONCE),
      pause: Math.max(100, PAUSE * connections / 2000)
    }
  }

  #passing (client: Visit['client'], span: number): Visit {
    const handshake = this.#random.chance(0.15) ? this.#random.weighted(HANDSHAKES) : null
    const route = handshake ?? this.#random.weighted(ROUTES[client])
    const end = handshake === null ? this.#random.weighted(route === 'idle' ? IDLE_ENDS : ENDS)
      : route === 'refused' ? 'refused' : 'abandon'
    return {
      id: ++this.#lastId,
      client,
      route,
      end,
      opensAt: this.#random.int(span),
      stays: false,
      messages: route === 'idle' ? 0 : this.#random.int(MOST_MESSAGES / 4),
      atOnce: 1 + this.#random.int(MOST_AT_ONCE),
      pause: 300
    }
  }
}
