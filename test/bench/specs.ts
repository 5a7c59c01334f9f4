import type { DialectName } from './dialect.ts'
import { BUN } from './peers.ts'

export interface ServerSpec {
  name: string
  /** Name of a file in `servers`. */
  script: string
  /** What the server makes of it is up to its script. */
  options: object
  env?: Record<string, string>
  /** Packages of the benchmark's own that it takes. */
  needs: string[]
  /** WebSockets on each connection if they go over HTTP/2, each as a stream; otherwise it is HTTP/1.1. */
  streams?: number
  /** How it is spoken to, if not with bare messages. */
  dialect?: DialectName
  /** What connects it with a second process of its kind. */
  engine?: 'redis'
  /** What is not Node.js. */
  runtime?: 'bun'
  /** Whether it has subscribed to all of its diagnostics channels. */
  subscribed?: boolean
  /** Whether its handler makes strings of texts that are handed to it as bytes. */
  strings?: boolean
  /** Whether it sends what it has prepared and does not look at what it gets. */
  canned?: boolean
}

/** Servers in a table, each in a column. */
export interface Comparison {
  /** How to read it. */
  legend: string
  servers: ServerSpec[]
  /** The names of those that the others are compared with: the first of them that a load was measured with. */
  baselines: string[]
}

const BASELINE = 'ws'

export const MIB = 1024 * 1024
const NO_BUFFERUTIL = { WS_NO_BUFFER_UTIL: '1' }

export const OURS: ServerSpec = { name: 'fastify-sockets', script: 'fastify-sockets', options: {}, needs: [] }
export const WS: ServerSpec = {
  name: BASELINE, script: 'ws', options: { perMessageDeflate: false }, env: NO_BUFFERUTIL, needs: ['ws', 'ajv']
}
export const WS_STRINGS: ServerSpec = { ...WS, name: 'ws, strings', strings: true }
const WS_BUFFERUTIL: ServerSpec = { ...WS, name: 'ws + bufferutil', env: {}, needs: ['ws', 'bufferutil'] }
const FASTIFY_WEBSOCKET: ServerSpec = {
  name: '@fastify/websocket',
  script: 'fastify-websocket',
  // The limit that its documentation suggests, and ours.
  options: { maxPayload: MIB },
  env: NO_BUFFERUTIL,
  needs: ['@fastify/websocket', 'ws', 'ajv']
}
/** Without pings while it is measured, which the load generator does not answer. */
export const SOCKET_IO: ServerSpec = {
  name: 'Socket.IO',
  script: 'socket-io',
  options: { pingInterval: 1e9 },
  env: NO_BUFFERUTIL,
  needs: ['socket.io'],
  dialect: 'socket.io'
}
export const BUN_SERVE: ServerSpec = { name: 'bun', script: 'bun', options: {}, needs: [BUN], runtime: 'bun' }
/** What Node.js allows at most: a raw socket on which nothing is parsed and every reply is ready. */
export const NET: ServerSpec = { name: 'net', script: 'net', options: {}, needs: [], canned: true }
// No uWebSockets.js: it is not on the npm registry, and what stands there takes it from GitHub (hyper-express), is built for
// older ABIs than that of Node 20 (@based/uws) or needs glibc 2.38 (@btc-vision/uwebsockets.js), newer than that of Debian 12.
// As of November 2026.

export const ALL: ServerSpec[] = [OURS, WS, WS_BUFFERUTIL, FASTIFY_WEBSOCKET, BUN_SERVE, NET]
/** For text; no other suite has more servers. */
export const WITH_STRINGS = ALL.flatMap(server => server === WS ? [WS, WS_STRINGS] : [server])
/** Ours alone: no other server that could be measured has WebSockets over HTTP/2. */
const OVER_HTTP1: ServerSpec = { ...OURS, name: 'over HTTP/1.1' }
export const BOTH_VERSIONS: ServerSpec[] = [
  OVER_HTTP1,
  { ...OURS, name: 'over HTTP/2 (1 on a connection)', streams: 1 },
  { ...OURS, name: 'over HTTP/2 (100 on a connection)', streams: 100 }
]

/** Over Redis, each with the options that make it fastest. */
const ADAPTER = '@socket.io/redis-adapter'
const STREAMS_ADAPTER = '@socket.io/redis-streams-adapter'
export const OURS_REDIS: ServerSpec = { ...OURS, name: 'fastify-sockets (redis)', engine: 'redis' }
export const SOCKET_IO_REDIS = withAdapter('redis', ADAPTER)
export const SOCKET_IO_SHARDED = withAdapter('sharded', ADAPTER)
/** With what it recovers connections by. */
export const SOCKET_IO_STREAMS = withAdapter('streams', STREAMS_ADAPTER, { connectionStateRecovery: {} })
/** By hand, with one PUBLISH a message and no promises at all. */
export const WS_REDIS: ServerSpec = { ...WS, name: 'ws (PUBLISH)', engine: 'redis' }

function withAdapter (adapter: string, needed: string, options: object = {}): ServerSpec {
  return {
    ...SOCKET_IO,
    name: `Socket.IO (${adapter})`,
    options: { ...SOCKET_IO.options, ...options, adapter },
    needs: [...SOCKET_IO.needs, needed],
    engine: 'redis'
  }
}

export const COMPARISONS: Comparison[] = [
  {
    legend: `Connections × messages in flight; in brackets: as a multiple of ${BASELINE}. Of memory and of time less is ` +
      'better.',
    servers: [...WITH_STRINGS, SOCKET_IO],
    baselines: [BASELINE]
  },
  {
    legend: 'WebSockets over HTTP/2, each with a connection of its own as from as many browsers, or a hundred on a ' +
      'connection as from a proxy; in brackets: as a multiple of HTTP/1.1. Browsers have HTTP/2 over TLS only.',
    servers: BOTH_VERSIONS,
    baselines: [OVER_HTTP1.name]
  },
  {
    legend: 'Two processes and a Redis, from a publish in one process to a client of the other, topics × messages on their way; ' +
      'in brackets: as a multiple of Socket.IO.',
    servers: [OURS_REDIS, SOCKET_IO_REDIS, SOCKET_IO_SHARDED, SOCKET_IO_STREAMS, WS_REDIS],
    baselines: [SOCKET_IO_REDIS.name, SOCKET_IO_STREAMS.name]
  }
]

/** The names of what the server is compared with, the first of them that there is. */
export function baselinesOf (server: string): string[] {
  const ofServer = COMPARISONS.find(({ servers }) => servers.some(({ name }) => name === server))
  return ofServer?.baselines ?? [BASELINE]
}

/** What is measured against. */
export const PACKAGES = [...new Set([...ALL, SOCKET_IO_REDIS, SOCKET_IO_STREAMS].flatMap(({ needs }) => needs))]
export const WITH_JSON = [OURS, WS, FASTIFY_WEBSOCKET]
export const WITHOUT_BUFFERUTIL = ALL.filter(server => server !== WS_BUFFERUTIL)
/** Those that send one message to many. */
export const BROADCASTERS = [...WITHOUT_BUFFERUTIL, SOCKET_IO]
/** Those that have topics, or for which they were made by hand. */
export const WITH_TOPICS = [OURS, WS, BUN_SERVE, SOCKET_IO]

/** The server with other options. */
export function having (server: ServerSpec, options: object, name = server.name): ServerSpec {
  return { ...server, name, options: { ...server.options, ...options } }
}
