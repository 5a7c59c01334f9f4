/*
 * Everything that a round is made of, drawn from its seed alone: the server and its clients both make the plan, and need
 * not tell each other. What a handler and a client do is drawn as they go, each from a seed of its own.
 */
import type { DeflateOptions, DrainOptions, LimitOptions, SocketOptions } from 'fastify-sockets'
import { Random, type Weights } from '../differential/random.ts'
import { derived } from './seeds.ts'

/** Where a well-behaved client sees that the others are served meanwhile. */
export const WITNESS = '/witness'

/** From this id on a socket is one of a swarm. */
export const SWARM = 100_000

export type Transport = 'http1' | 'tls' | 'http2' | 'http2s'

/** What a function of the options does when it is called. */
export type Reaction = 'nothing' | 'send' | 'close' | 'terminate' | 'throw' | 'reject' | 'never' | 'later'

/** What happens before a handshake is answered. */
export type Handshake = 'quick' | 'slow' | 'refused'

export interface RoutePlan {
  path: string
  /** It has `schema.message`, `schema.send`, `attachValidation`. */
  takesJson: boolean
  sendsJson: boolean
  attachesValidation: boolean
  /** Bytes of the first message; 0: there is none. */
  greeting: number
  handshake: Handshake
  /** Its handlers send each message back and do nothing else. */
  isEcho: boolean
  ws: SocketOptions
  onInvalidMessage: Reaction | null
  onError: Reaction | null
  onDrain: Reaction | null
}

/** Diagnostics channels that somebody acts on. */
export type Channel = 'open' | 'message.in' | 'message.out' | 'error' | 'close'

export type ClientKind = 'talk' | 'flood' | 'break' | 'press' | 'deaf' | 'mute' | 'hasty' | 'swarm'

/** How a client leaves; `vanish` takes its whole HTTP/2 session along, as `goaway` does, and `violate`, against its rules. */
export type End = 'close' | 'fin' | 'reset' | 'destroy' | 'goaway' | 'vanish' | 'violate' | 'stay'

export interface ClientPlan {
  id: number
  seed: number
  kind: ClientKind
  end: End
  route: RoutePlan
  offersDeflate: boolean
  /** By frames of HTTP/2 written by hand, or by Node's own client. */
  byHand: boolean
  /** Clients with the same number share a session of HTTP/2. */
  session: number
  /** The window that its session opens for each stream. */
  window: number
  /** When it comes, in milliseconds. */
  startsAt: number
  /** How many sockets a swarm opens: their ids begin at a multiple of `SWARM`. */
  count: number
}

export interface RoundPlan {
  seed: number
  transport: Transport
  drain: Required<DrainOptions>
  routes: RoutePlan[]
  channels: Channel[]
  clients: ClientPlan[]
  /** Those that are there when the app closes, and stay; others come meanwhile, after so many milliseconds. */
  stayers: ClientPlan[]
  latecomers: ClientPlan[]
  /** Sessions of HTTP/2 leave when they are told to. */
  obeysGoaway: boolean
}

/**
 * Node 20 keeps connections of HTTP/2 for ever whose clients are gone, without us as well: after an error of the connection,
 * and over TLS some in a hundred that were reset while it wrote. They must not keep the app from closing.
 */
export const LOSES_SESSIONS = Number(process.versions.node.split('.')[0]) < 22

const TRANSPORTS: Weights<Transport> = { http1: 0.3, tls: 0.15, http2: 0.42, http2s: 0.13 }
const KINDS: Weights<ClientKind> = {
  talk: 0.24, flood: 0.34, break: 0.14, press: 0.06, deaf: 0.1, mute: 0.05, hasty: 0.07
}
const ENDS: Weights<End> = { close: 0.2, fin: 0.13, reset: 0.37, destroy: 0.1, goaway: 0.05, vanish: 0.05, violate: 0.02, stay: 0.08 }
/** What was behind a full queue is handed on when the connection is gone. */
const FLOOD_ENDS: Weights<End> = { close: 0.1, fin: 0.1, reset: 0.6, destroy: 0.1, vanish: 0.05, stay: 0.05 }
const SWARM_ENDS: Weights<End> = { vanish: 0.7, goaway: 0.1, reset: 0.2 }
const STAYERS: Weights<ClientKind> = { talk: 0.15, flood: 0.1, deaf: 0.4, mute: 0.35 }
const HANDSHAKES: Weights<Handshake> = { quick: 0.85, slow: 0.12, refused: 0.03 }
const REACTIONS: Weights<Reaction> = {
  nothing: 0.3, send: 0.15, close: 0.15, terminate: 0.1, throw: 0.1, reject: 0.1, later: 0.1
}
const CHANNELS: Channel[] = ['open', 'message.in', 'message.out', 'error', 'close']

const ROUTES = 6
const CLIENTS = 140
const MOST_STAYERS = 24
/** Within which clients come, in milliseconds. */
const COMING = 1200

export function planRound (seed: number): RoundPlan {
  const random = new Random(seed)
  const transport = random.weighted(TRANSPORTS)
  const routes = Array.from({ length: ROUTES }, (_, i) => planRoute(random, i))
  // Where nobody else notices, the heartbeat does.
  if (LOSES_SESSIONS && transport === 'http2s') for (const { ws } of routes) ws.heartbeat ||= { interval: 200, timeout: 200 }
  const clients = Array.from({ length: CLIENTS }, (_, i) => planClient(random, seed, i + 1, routes, KINDS))
  // Over HTTP/1.1 each socket would need a port.
  const greeting = routes.find(({ greeting, handshake, ws: { deflate, limits } }) =>
    greeting > 16_384 && handshake === 'quick' && deflate === true && limits === undefined)
  if (transport === 'http2' && greeting !== undefined && random.chance(0.6)) {
    clients.push(swarm(planClient(random, seed, CLIENTS + 1, [greeting], { swarm: 1 }), random))
  }
  const staying = (count: number, from: number, coming: number) => Array.from({ length: count }, (_, i) => ({
    ...planClient(random, seed, from + i, routes, STAYERS), end: 'stay' as const, startsAt: random.int(coming)
  }))
  const drain = { timeout: 300 + random.int(900), batch: 1 + random.int(30), interval: random.int(30) }
  return {
    seed,
    transport,
    drain,
    routes,
    channels: random.chance(0.4) ? CHANNELS.filter(() => random.chance(0.4)) : [],
    clients,
    stayers: staying(1 + random.int(MOST_STAYERS), 1000, 100),
    latecomers: staying(random.int(10), 2000, drain.timeout),
    obeysGoaway: random.chance(0.7)
  }
}

function planRoute (random: Random, index: number): RoutePlan {
  const takesJson = random.chance(0.55)
  // One route that greets with what the thread pool has to compress is in most rounds.
  const snapshot = index === 0 && random.chance(0.7)
  const reaction = (probability: number): Reaction | null =>
    random.chance(probability) ? random.weighted(REACTIONS) : null
  return {
    path: `/route-${index}`,
    takesJson,
    sendsJson: random.chance(0.4),
    attachesValidation: takesJson && random.chance(0.2),
    greeting: snapshot ? 17_000 + random.int(30_000) : random.chance(0.15) ? random.int(60_000) : 0,
    handshake: index === 0 ? 'quick' : random.weighted(HANDSHAKES),
    isEcho: random.chance(0.2),
    ws: { ...planOptions(random), ...snapshot ? { deflate: true, limits: undefined } : {} },
    onInvalidMessage: reaction(0.4),
    onError: reaction(0.4),
    onDrain: random.chance(0.3) ? random.weighted({ ...REACTIONS, never: 0.3 }) : null
  }
}

function planOptions (random: Random): SocketOptions {
  const some = <T>(probability: number, ...from: T[]): T | undefined =>
    random.chance(probability) ? random.pick(from) : undefined
  const limits = random.chance(0.25) ? planLimits(random) : undefined
  // A client that is made to wait and leaves meanwhile is noticed by a ping and by nothing else.
  const mayBeSilent = limits?.over !== 'pause' && random.chance(0.25)
  return {
    maxPayload: some(0.3, 1000, 20_000, 70_000),
    maxQueued: some(0.7, 0, 1, 500, 5000, 20_000),
    highWaterMark: some(0.4, 0, 1, 1000, 20_000),
    maxBuffered: some(0.4, 2000, 50_000, 200_000),
    overflow: some(0.4, 'close', 'drop'),
    heartbeat: mayBeSilent ? false : { interval: 40 + random.int(300), timeout: 40 + random.int(400) },
    idleTimeout: some(0.15, 100, 400),
    maxLifetime: some(0.15, 200, 800),
    closeTimeout: 50 + random.int(600),
    handshakeTimeout: 100 + random.int(600),
    deflate: random.chance(0.5) ? false : planDeflate(random),
    limits
  }
}

function planDeflate (random: Random): DeflateOptions | true {
  if (random.chance(0.4)) return true
  return {
    threshold: random.pick([0, 100, 1024]),
    level: 1 + random.int(3),
    contextTakeover: random.chance(0.4),
    windowBits: random.pick([9, 10, 15]),
    memLevel: random.pick([1, 5, 8])
  }
}

function planLimits (random: Random): LimitOptions {
  return {
    messagesPerSecond: random.chance(0.7) ? random.pick([2, 20, 200, 2000]) : false,
    bytesPerSecond: random.chance(0.4) ? random.pick([1000, 20_000, 200_000]) : false,
    connectionsPerAddress: random.chance(0.1) ? 20 : false,
    over: random.pick(['close', 'pause'] as const)
  }
}

function planClient (
  random: Random, seed: number, id: number, routes: RoutePlan[], kinds: Weights<ClientKind>
): ClientPlan {
  const kind = random.weighted(kinds)
  return {
    id,
    seed: derived(seed, id),
    kind,
    end: random.weighted(kind === 'flood' ? FLOOD_ENDS : ENDS),
    route: random.pick(routes),
    offersDeflate: random.chance(0.7),
    byHand: random.chance(0.75),
    session: random.chance(0.5) ? -id : random.int(12),
    window: random.chance(0.7) ? 1_000_000 : random.pick([0, 1, 100, 65_535]),
    startsAt: random.int(COMING),
    count: 1
  }
}

/** Many sockets on one session of its own, whose first message waits for the thread pool. */
function swarm (client: ClientPlan, random: Random): ClientPlan {
  return {
    ...client,
    end: random.weighted(SWARM_ENDS),
    offersDeflate: true,
    byHand: true,
    session: -client.id,
    startsAt: 0,
    count: random.chance(0.8) ? 4000 + random.int(1500) : 50 + random.int(500)
  }
}
