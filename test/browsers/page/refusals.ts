import type { Ending } from '../../../lib/client/types.ts'
import { type Check, equal, ok, type Tools, until, within } from './tools.ts'

declare const navigator: { userAgent: string }

/** The checks of one origin's servers. */
function refusalsOf (where: string, baseOf: (tools: Tools) => string): Check[] {
  /** A status that is final at once. */
  const final = (status: number): Check => ({
    name: `${where}: ${status} is final, and the socket knows why`,
    async run (tools) {
      const socket = tools.socket(baseOf(tools), `/refuse/${status}`, { query: { times: 9 } })
      const opened = socket.opened.then(() => 'opened', error => error.code)
      const ending = await within(socket.closed, 'the end')
      equal([ending.status, JSON.parse(ending.body)], [status, { error: `refused with ${status}` }], 'status and body')
      equal(await opened, 'FST_ERR_WS_CLIENT_CLOSED', 'how `opened` ended')
      const { handshakes, probes } = await tools.seen()
      equal([handshakes.length, probes], [1, 1], 'handshakes, and questions why')
    }
  })
  /** A status that is tried again. */
  const retried = (status: number, query: object, least: number): Check => ({
    name: `${where}: ${status} is tried again${least > 0 ? ', not before Retry-After' : ''}`,
    async run (tools) {
      const socket = tools.socket(baseOf(tools), `/refuse/${status}`, { query: { times: 2, ...query } })
      const reasons: number[] = []
      socket.on('state', (state, { reason, delay }) => {
        if (state !== 'waiting') return
        reasons.push(reason!.status)
        ok(delay >= least, `the delay is ${delay} ms`)
        if (least > 0) equal(reason!.retryAfter, least, 'retryAfter')
      })
      await within(socket.opened, 'the socket to open')
      equal(reasons, [status, status], 'the reasons')
      const { handshakes } = await tools.seen()
      equal(handshakes.length, 3, 'handshakes')
      for (let i = 1; i < 3; i++) {
        const passed = handshakes[i]!.at - handshakes[i - 1]!.at
        ok(passed >= least - 5, `the next handshake came after ${passed} ms`)
      }
    }
  })
  return [
    {
      name: `${where}: a fresh token after 401`,
      async run (tools) {
        const asked: unknown[] = []
        const socket = tools.socket(baseOf(tools), '/token', {
          query: async ({ attempt, reason }: any) => {
            asked.push([attempt, reason === null ? null : reason.status, reason === null ? '' : JSON.parse(reason.body).error])
            return { token: reason?.status === 401 ? 'fresh' : 'stale' }
          }
        })
        await within(socket.opened, 'the socket to open')
        equal(asked, [[0, null, ''], [1, 401, 'who are you?']], 'what the function was told')
        equal((await tools.seen()).handshakes.map(({ query }) => query.token), ['stale', 'fresh'], 'the tokens')
      }
    },
    {
      name: `${where}: 401 is final after one fresh token`,
      async run (tools) {
        const socket = tools.socket(baseOf(tools), '/token', { query: ({ attempt }: any) => ({ token: `stale-${attempt}` }) })
        const ending = await within(socket.closed, 'the end')
        equal([ending.status, JSON.parse(ending.body)], [401, { error: 'who are you?' }], 'status and body')
        equal((await tools.seen()).handshakes.map(({ query }) => query.token), ['stale-0', 'stale-1'], 'the tokens')
      }
    },
    ...[400, 403, 404].map(final),
    retried(429, { retryAfter: '1' }, 1000),
    retried(503, { retryAfter: '1' }, 1000),
    ...[408, 425, 500, 502].map(status => retried(status, {}, 0)),
    {
      name: `${where}: refused, but a plain request gets our 426: it is tried again`,
      async run (tools) {
        const socket = tools.socket(baseOf(tools), '/refuse/403', { query: { times: 2, probe: 'pass' } })
        await within(socket.opened, 'the socket to open')
        const { handshakes, probes } = await tools.seen()
        equal([handshakes.length, probes], [3, 2], 'handshakes, and questions why')
      }
    },
    {
      name: `${where}: a connection that opened does not ask why it ended`,
      async run (tools) {
        const socket = tools.socket(baseOf(tools), '/close/1011', { query: { times: 2 } })
        await until(() => socket.state === 'open', 'the socket to open')
        await until(async () => (await tools.seen()).handshakes.length === 3, 'the third handshake')
        equal((await tools.seen()).probes, 0, 'questions why')
      }
    }
  ]
}

export const refusals: Check[] = [
  ...refusalsOf('same origin', tools => tools.same),
  ...refusalsOf('another origin', tools => tools.other),
  {
    name: 'another origin that does not let itself be asked: unknown, so it is tried again',
    async run (tools) {
      const socket = tools.socket(tools.other, '/refuse/403', { query: { times: 2, cors: 'no' } })
      const reasons: unknown[] = []
      socket.on('state', (state, { reason }) => { if (state === 'waiting') reasons.push(reason!.status) })
      await within(socket.opened, 'the socket to open')
      equal(reasons, [0, 0], 'the statuses')
    }
  },
  {
    name: 'a refusal whose body does not end is final all the same; Firefox itself waits for that end, and opens nothing else meanwhile',
    isAlone: true,
    async run (tools) {
      const socket = tools.socket(tools.raw, '/refused-slowly', { connectTimeout: 6000 })
      const reason = await within(new Promise<Ending>(resolve => {
        socket.on('state', (state, { reason }) => { if (state === 'waiting' || state === 'closed') resolve(reason!) })
      }), 'the end of the attempt')
      if (navigator.userAgent.includes('Firefox')) equal((reason.error as { code?: string }).code, 'FST_ERR_WS_CLIENT_TIMEOUT', 'the error')
      else equal([socket.state, reason.status, reason.body], ['closed', 403, 'beginning'], 'state, status and body')
    }
  },
  {
    name: 'the policy of the page forbids the address: final',
    async run (tools) {
      const told: unknown[] = []
      const socket = tools.socket('ws://forbidden.test', '/').on('error', error => { told.push(error) })
      const { error } = await within(socket.closed, 'the end')
      equal(told, [error], 'the errors')
      equal((error as { code?: string }).code, 'FST_ERR_WS_CLIENT_TARGET', 'the error')
    }
  },
  {
    name: 'nobody listens: unknown, so it is tried again',
    async run (tools) {
      const { port } = await tools.control('spare')
      await tools.control('stop', { port })
      const socket = tools.socket(`ws://127.0.0.1:${port}`, '/echo')
      let attempts = 0
      socket.on('state', (state, { reason }) => {
        if (state !== 'waiting') return
        attempts++
        equal([reason!.status, reason!.code, reason!.wasClean], [0, 1006, false], 'the reason')
      })
      await until(() => attempts >= 3, 'three attempts')
      await tools.control('start', { port })
      await within(socket.opened, 'the socket to open')
    }
  }
]
