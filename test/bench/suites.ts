import type { EchoLoad, Load } from './load.ts'
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
  /** What is not Node.js. */
  runtime?: 'bun'
  /** Whether it has subscribed to all of its diagnostics channels. */
  subscribed?: boolean
  /** Whether its handler makes strings of texts that are handed to it as bytes. */
  strings?: boolean
  /** Whether it sends what it has prepared and does not look at what it gets. */
  canned?: boolean
}

export interface Suite {
  title: string
  /** What a reader should know about the figures. */
  note?: string
  servers: ServerSpec[]
  loads: Load[]
}

/** Servers in a table, each in a column. */
export interface Comparison {
  /** How to read it. */
  legend: string
  servers: ServerSpec[]
  /** The name of the one that the others are compared with. */
  baseline: string
}

const BASELINE = 'ws'

const MIB = 1024 * 1024
const NO_BUFFERUTIL = { WS_NO_BUFFER_UTIL: '1' }

const OURS: ServerSpec = { name: 'fastify-sockets', script: 'fastify-sockets', options: {}, needs: [] }
const WS: ServerSpec = {
  name: BASELINE, script: 'ws', options: { perMessageDeflate: false }, env: NO_BUFFERUTIL, needs: ['ws', 'ajv']
}
const WS_STRINGS: ServerSpec = { ...WS, name: 'ws, strings', strings: true }
const WS_BUFFERUTIL: ServerSpec = { ...WS, name: 'ws + bufferutil', env: {}, needs: ['ws', 'bufferutil'] }
const FASTIFY_WEBSOCKET: ServerSpec = {
  name: '@fastify/websocket',
  script: 'fastify-websocket',
  // The limit that its documentation suggests, and ours.
  options: { maxPayload: MIB },
  env: NO_BUFFERUTIL,
  needs: ['@fastify/websocket', 'ws', 'ajv']
}
const BUN_SERVE: ServerSpec = { name: 'bun', script: 'bun', options: {}, needs: [BUN], runtime: 'bun' }
/** What Node.js allows at most: a raw socket on which nothing is parsed and every reply is ready. */
const NET: ServerSpec = { name: 'net', script: 'net', options: {}, needs: [], canned: true }
// No uWebSockets.js: it is not on the npm registry. What others have published there from it is for older ABIs than
// that of Node 20 (@based/uws) or needs glibc 2.38 (@btc-vision/uwebsockets.js), newer than that of Debian 12.

const ALL: ServerSpec[] = [OURS, WS, WS_BUFFERUTIL, FASTIFY_WEBSOCKET, BUN_SERVE, NET]
/** For text; no other suite has more servers. */
const WITH_STRINGS = ALL.flatMap(server => server === WS ? [WS, WS_STRINGS] : [server])
/** Ours alone: no other server that could be measured has WebSockets over HTTP/2. */
const OVER_HTTP1: ServerSpec = { ...OURS, name: 'over HTTP/1.1' }
const BOTH_VERSIONS: ServerSpec[] = [
  OVER_HTTP1,
  { ...OURS, name: 'over HTTP/2 (1 on a connection)', streams: 1 },
  { ...OURS, name: 'over HTTP/2 (100 on a connection)', streams: 100 }
]

export const COMPARISONS: Comparison[] = [
  {
    legend: `Connections × messages in flight; in brackets: as a multiple of ${BASELINE}. Of memory and of time less is ` +
      'better.',
    servers: WITH_STRINGS,
    baseline: BASELINE
  },
  {
    legend: 'WebSockets over HTTP/2, each with a connection of its own as from as many browsers, or a hundred on a ' +
      'connection as from a proxy; in brackets: as a multiple of HTTP/1.1. Browsers have HTTP/2 over TLS only.',
    servers: BOTH_VERSIONS,
    baseline: OVER_HTTP1.name
  }
]

/** The name of what the server is compared with. */
export function baselineOf (server: string): string {
  const ofServer = COMPARISONS.find(({ servers }) => servers.some(({ name }) => name === server))
  return ofServer?.baseline ?? BASELINE
}

/** What is measured against. */
export const PACKAGES = [...new Set(ALL.flatMap(({ needs }) => needs))]
const WITH_JSON = [OURS, WS, FASTIFY_WEBSOCKET]
const WITHOUT_BUFFERUTIL = ALL.filter(server => server !== WS_BUFFERUTIL)

function having (server: ServerSpec, options: object, name = server.name): ServerSpec {
  return { ...server, name, options: { ...server.options, ...options } }
}

/** The same servers, ours with room for the replies that may wait. */
function withRoom (servers: ServerSpec[], options: object): ServerSpec[] {
  return servers.map(server => server === OURS ? having(OURS, options) : server)
}

function echo (content: EchoLoad['content'], size: number, connections: number, ...windows: number[]): EchoLoad[] {
  return windows.map(inFlight => ({ kind: 'echo', content, size, connections, inFlight }))
}

/** The same loads under circumstances that their names tell. */
function noted (note: string, loads: EchoLoad[]): EchoLoad[] {
  return loads.map(load => ({ ...load, note }))
}

const DEFLATED = [...echo('deflate', 200, 50, 1, 16), ...echo('deflate', 16384, 50, 1, 8)]

/** Options of ws for what ours does by default. */
const FASTEST = { threshold: 0, zlibDeflateOptions: { level: 1 } }
const ALONE = { serverNoContextTakeover: true, clientNoContextTakeover: true }

export const SUITES: Suite[] = [
  {
    title: 'Binary echo',
    servers: ALL,
    loads: [...echo('binary', 20, 100, 1, 32), ...echo('binary', 1024, 100, 1, 32), ...echo('binary', 65536, 10, 1, 8)]
  },
  {
    title: 'Binary echo, large',
    servers: withRoom(ALL, { maxBuffered: 32 * MIB }),
    loads: [...echo('binary', 1e6, 2, 2), ...echo('binary', 1e6, 10, 1, 8)]
  },
  {
    title: 'Text echo that is not ASCII',
    note: 'ws hands text out as the bytes it came in, checked; ours and Bun hand out strings, as "ws, strings" makes ' +
      'them.',
    servers: WITH_STRINGS,
    loads: [...echo('text', 200, 100, 1, 32), ...echo('text', 65536, 10, 8)]
  },
  {
    title: 'JSON in and out through schemas',
    note: 'Messages of 100 to 300 bytes, validated by Ajv from one schema everywhere; the reply is another object.',
    servers: WITH_JSON,
    loads: echo('json', 0, 100, 1, 32)
  },
  {
    title: 'Compressed echo',
    servers: [
      having(OURS, { deflate: { threshold: 0 } }),
      having(WS, { perMessageDeflate: { ...FASTEST, ...ALONE } }),
      having(WS, { perMessageDeflate: { threshold: 0 } }, 'ws (level 6, takeover)')
    ],
    loads: DEFLATED
  },
  {
    title: 'Compressed echo with context takeover',
    servers: [
      having(OURS, { deflate: { threshold: 0, contextTakeover: true } }),
      having(WS, { perMessageDeflate: FASTEST })
    ],
    loads: noted('takeover', DEFLATED)
  },
  {
    title: 'Binary echo, seen',
    note: 'With a subscriber to every diagnostics channel.',
    servers: [{ ...OURS, subscribed: true }, WS],
    loads: noted('subscribers', echo('binary', 20, 100, 1, 32))
  },
  {
    title: 'Binary echo, limited',
    note: 'With limits that are never reached.',
    servers: [having(OURS, { limits: { connectionsPerAddress: 1e6, messagesPerSecond: 1e9, bytesPerSecond: 1e12 } }), WS],
    loads: noted('limits', echo('binary', 20, 100, 1, 32))
  },
  {
    title: 'Handshakes',
    note: 'Ours and @fastify/websocket go through the whole lifecycle of Fastify, the others through none.',
    servers: WITHOUT_BUFFERUTIL,
    loads: [{ kind: 'handshakes', inProgress: 32 }]
  },
  {
    title: 'Fan-out',
    note: 'Ours sends a message that app.sockets.prepare() has made; Bun publishes to a topic.',
    servers: WITHOUT_BUFFERUTIL,
    loads: [{ kind: 'fan-out', connections: 1000, inFlight: 1, size: 100 }, { kind: 'fan-out', connections: 500, inFlight: 8, size: 100 }]
  },
  {
    title: 'Another client while one floods with texts of a byte',
    note: 'The flood is echoed and read. With net nothing is parsed.',
    servers: WITHOUT_BUFFERUTIL,
    loads: [{ kind: 'flood', content: 'text' }]
  },
  {
    title: 'Another client while one floods with JSON for schemas',
    servers: WITH_JSON,
    loads: [{ kind: 'flood', content: 'json' }]
  },
  {
    title: 'Memory of idle WebSockets',
    note: 'Growth of the server after a forced collection, divided by the connections; a new server for each round.',
    servers: WITHOUT_BUFFERUTIL,
    loads: [{ kind: 'memory', connections: 10_000 }]
  },
  {
    title: 'Binary echo over HTTP/2',
    servers: BOTH_VERSIONS,
    loads: [
      ...[...echo('binary', 20, 100, 1, 32), ...echo('binary', 65536, 100, 1)].map(load => ({ ...load, tls: true })),
      ...echo('binary', 20, 100, 1, 32)
    ]
  },
  {
    title: 'Memory of idle WebSockets over HTTP/2',
    servers: BOTH_VERSIONS,
    // Fewer over TLS, whose handshakes take a millisecond.
    loads: [{ kind: 'memory', connections: 2000, tls: true }, { kind: 'memory', connections: 10_000 }]
  }
]

/** The same kind of load, small: it tells only whether the instrument works. */
export function small (load: Load): Load {
  switch (load.kind) {
    case 'echo': return { ...load, connections: Math.min(load.connections, 4), inFlight: Math.min(load.inFlight, 4) }
    case 'handshakes': return { ...load, inProgress: 4 }
    // So many that the growth is more than chance; over TLS it is larger, and takes longer.
    case 'memory': return { ...load, connections: load.tls === true ? 200 : 1000 }
    case 'fan-out': return { ...load, connections: 20 }
    case 'flood': return load
  }
}

/** What `--sweep` compares, with room for everything that it sends. */
export const SWEEP = {
  ours: having(OURS, { maxPayload: 16 * MIB, maxBuffered: 128 * MIB, highWaterMark: 128 * MIB }),
  /** By the content; of text what does the same work. */
  baselines: {
    binary: having(WS, { maxPayload: 16 * MIB }),
    text: having(WS_STRINGS, { maxPayload: 16 * MIB })
  },
  sizes: [0, 1, 20, 125, 126, 1024, 4096, 16384, 16385, 65536, 256 * 1024, MIB, 4 * MIB, 16 * MIB],
  windows: [1, 2, 8, 32],
  /** Bytes on their way at most. */
  most: 64 * MIB
}
