import type { Load } from './load.ts'
import type { RemoteLoad } from './loads/backplane.ts'
import type { EchoLoad } from './loads/echo.ts'
import {
  ALL, BOTH_VERSIONS, BROADCASTERS, BUN_SERVE, having, MIB, NET, OURS, OURS_REDIS, type ServerSpec, SOCKET_IO, SOCKET_IO_REDIS,
  SOCKET_IO_SHARDED, SOCKET_IO_STREAMS, WITH_JSON, WITH_STRINGS, WITH_TOPICS, WITHOUT_BUFFERUTIL, WS, WS_REDIS, WS_STRINGS
} from './specs.ts'

export interface Suite {
  title: string
  /** What a reader should know about the figures. */
  note?: string
  servers: ServerSpec[]
  loads: Load[]
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

/** To one topic with one client, and to a thousand with ten. */
function overRedis<Kind extends 'backplane' | 'bystander'> (
  kind: Kind, history: number | null, ...plans: Array<[topics: number, inFlight: number]>
): Array<RemoteLoad & { kind: Kind }> {
  return plans.map(([topics, inFlight]) => {
    const connections = topics === 1 ? 1 : 10
    return { kind, content: 'stamped', size: 100, topics, connections, each: topics / connections, batch: 1, inFlight, history }
  })
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
    note: 'To a topic or a room where the server has them; otherwise in a loop.',
    servers: BROADCASTERS,
    loads: [
      { kind: 'fan-out', content: 'text', size: 100, connections: 1000, inFlight: 1 },
      { kind: 'fan-out', content: 'text', size: 100, connections: 500, inFlight: 8 }
    ]
  },
  {
    title: 'Fan-out, compressed',
    servers: [
      having(OURS, { deflate: true }),
      having(WS, { perMessageDeflate: { ...FASTEST, ...ALONE } }),
      having(BUN_SERVE, { perMessageDeflate: true }),
      // With its threshold as it is, for its own handshake is not to be compressed.
      having(SOCKET_IO, { perMessageDeflate: { ...FASTEST, ...ALONE, threshold: 1024 } })
    ],
    loads: [8, 1].map(inFlight => ({ kind: 'fan-out', content: 'deflated JSON', size: 1024, connections: 500, inFlight }))
  },
  {
    title: 'One publish to very many',
    note: 'While it is written to all of them, another client sends a message at a time to another route.',
    servers: BROADCASTERS,
    loads: [{ kind: 'beside', content: 'text', size: 100, connections: 10_000 }]
  },
  {
    title: 'Many topics',
    note: 'Each connection has other topics. With net it is known beforehand who gets how much.',
    servers: [...WITH_TOPICS, NET],
    loads: [{ kind: 'many-topics', content: 'text', size: 100, connections: 1000, topics: 200, each: 20, batch: 50 }]
  },
  {
    title: 'Memory of subscriptions',
    note: 'What a server with all its connections grows by when these subscribe; a new server for each round.',
    servers: WITH_TOPICS,
    loads: [{ kind: 'subscriptions', content: 'text', size: 100, connections: 10_000, topics: 3000, each: 3, batch: 1000 }]
  },
  {
    title: 'Over Redis',
    note: 'JSON with a text of 100 bytes, published in one process and received by a client of another one, which is the only ' +
      'one of its topic: latency is from before the publish to the receipt. Both processes, Redis and the generator share the ' +
      'cores. Everything is done with ioredis. Of commands, those inside of scripts are counted too.',
    servers: [OURS_REDIS, SOCKET_IO_REDIS, SOCKET_IO_SHARDED, WS_REDIS],
    loads: overRedis('backplane', null, [1, 64], [1, 1], [1000, 64], [1000, 1])
  },
  {
    title: 'Over Redis, with a history',
    note: 'Of 200 messages for each topic; of Socket.IO, 10,000 for all rooms together.',
    servers: [OURS_REDIS, SOCKET_IO_STREAMS],
    loads: overRedis('backplane', 200, [1, 64], [1, 1], [1000, 64], [1000, 1])
  },
  {
    title: 'Over Redis, to others',
    note: 'What a process without any subscribers gets from Redis while another one publishes to its own, and its CPU time.',
    servers: [OURS_REDIS, SOCKET_IO_REDIS, SOCKET_IO_SHARDED],
    loads: overRedis('bystander', null, [1000, 64])
  },
  {
    title: 'Over Redis, to others, with a history',
    servers: [OURS_REDIS, SOCKET_IO_STREAMS],
    loads: overRedis('bystander', 200, [1000, 64])
  },
  {
    title: 'Topics with one subscriber each',
    note: 'On a thousand connections. The CPU time of the server for each topic.',
    servers: WITH_TOPICS,
    loads: [10, 100].map(each => ({
      kind: 'lone-topics', content: 'text', size: 100, connections: 1000, topics: 1000 * each, each, batch: 1000
    }))
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
