import { type Check, codeOf, equal, next, ok, pause, until, within } from './tools.ts'

/** Codes that a server of ours can send: those after which there is no further attempt. */
const FINAL = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3003, 4400, 4403, 4404, 4499]
const RETRIED = [1001, 1011, 1012, 1013, 1014, 3000, 3001, 4000, 4399, 4401, 4408, 4429, 4500, 4999]
/** Tried again once, for fresh credentials. */
const REFRESHED = [3000, 4401]

export const ends: Check[] = [
  ...FINAL.map((code): Check => ({
    name: `${code} of the server is final`,
    async run (tools) {
      const socket = tools.socket(tools.other, `/close/${code}`, { query: { times: 9 } })
      const ending = await within(socket.closed, 'the end')
      equal([ending.code, ending.reason, ending.wasClean, ending.initiator], [code, 'as told', true, 'remote'], 'the end')
      equal([socket.state, socket.signal.aborted, socket.signal.reason === ending], ['closed', true, true], 'the state and the signal')
      await pause(300)
      equal((await tools.seen()).handshakes.length, 1, 'handshakes')
    }
  })),
  ...RETRIED.map((code): Check => ({
    name: `${code} of the server is not final`,
    async run (tools) {
      const socket = tools.socket(tools.other, `/close/${code}`, { query: { times: 1 } })
      equal(await next(socket), { text: 'stays' }, 'the second connection')
      const { handshakes, probes, closes } = await tools.seen()
      equal([handshakes.length, probes, closes.map(close => close.code)], [2, 0, [code]], 'handshakes, questions why, and ends')
    }
  })),
  ...REFRESHED.map((code): Check => ({
    name: `${code} of the server is final the second time`,
    async run (tools) {
      const asked: unknown[] = []
      const socket = tools.socket(tools.other, `/close/${code}`, {
        query: ({ reason }: any) => {
          asked.push(reason?.code)
          return { times: 9 }
        }
      })
      equal((await within(socket.closed, 'the end')).code, code, 'the code')
      equal(asked, [undefined, code], 'the reasons for which the query was asked for')
    }
  })),
  ...[1000, 3000, 3999, 4000, 4999].map((code): Check => ({
    name: `close(${code}) reaches the server with its reason`,
    async run (tools) {
      const socket = tools.socket(tools.other, '/echo')
      await within(socket.opened, 'the socket to open')
      // 123 bytes end within a character.
      const ending = await within(socket.close(code, `${'r'.repeat(121)}üü`), 'the end')
      equal([ending.code, ending.wasClean, ending.initiator], [code, true, 'local'], 'the end')
      await until(async () => (await tools.seen()).closes.length === 1, 'the server to know')
      equal((await tools.seen()).closes, [{ code, reason: `${'r'.repeat(121)}ü`, wasClean: true }], 'what the server saw')
      equal(await within(socket.close(), 'the end again') === ending, true, 'the end is the same')
    }
  })),
  {
    name: 'close() refuses other codes',
    async run (tools) {
      const socket = tools.socket(tools.other, '/echo')
      for (const code of [0, 999, 1001, 1002, 1005, 1006, 1011, 1015, 2999, 5000, 4000.5, NaN]) {
        equal(codeOf(() => socket.close(code)), 'FST_ERR_WS_CLIENT_CLOSE', `the error for ${code}`)
      }
      await within(socket.opened, 'the socket to open after all')
    }
  },
  {
    name: 'close() ends in time where the server does not answer',
    async run (tools) {
      const socket = tools.socket(tools.raw, '/mute', { closeTimeout: 300 })
      await within(socket.opened, 'the socket to open')
      const begin = performance.now()
      const { wasClean, initiator } = await within(socket.close(4000, 'enough'), 'the end', 3000)
      const passed = performance.now() - begin
      equal([wasClean, initiator, socket.state], [false, 'local', 'closed'], 'the end')
      ok(passed >= 290 && passed < 2500, `it took ${passed} ms`)
    }
  },
  {
    name: 'close() while it connects, and while it waits',
    async run (tools) {
      const socket = tools.socket(tools.other, '/echo')
      const opened = socket.opened.then(() => 'opened', error => error.code)
      const ending = await within(socket.close(4001, 'changed my mind'), 'the end')
      equal([ending.code, ending.initiator, await opened], [4001, 'local', 'FST_ERR_WS_CLIENT_CLOSED'], 'the end')
      const waits = tools.named('waits').socket(tools.other, '/refuse/503', { query: { times: 9, retryAfter: '600' } })
      await until(() => waits.state === 'waiting', 'the socket to wait')
      equal((await within(waits.close(), 'the end')).code, 1000, 'the code')
      equal(waits.state, 'closed', 'the state')
    }
  },
  {
    name: 'an AbortSignal closes: before, while it connects, when it is open',
    async run (tools) {
      const before = tools.named('before').socket(tools.other, '/echo', { signal: AbortSignal.abort() })
      await within(before.closed, 'the end')
      equal((await tools.named('before').seen()).handshakes.length, 0, 'handshakes')
      const connecting = new AbortController()
      const second = tools.named('second').socket(tools.other, '/echo', { signal: connecting.signal })
      connecting.abort()
      await within(second.closed, 'the end of the second')
      const open = new AbortController()
      const third = tools.named('third').socket(tools.other, '/echo', { signal: open.signal })
      await within(third.opened, 'the third to open')
      open.abort()
      const { wasClean, initiator } = await within(third.closed, 'the end of the third')
      equal([wasClean, initiator, third.state], [true, 'local', 'closed'], 'the end')
    }
  },
  {
    name: 'Symbol.asyncDispose closes',
    async run (tools) {
      const socket = tools.socket(tools.other, '/echo')
      await within(socket.opened, 'the socket to open')
      const dispose = (Symbol as { asyncDispose?: symbol }).asyncDispose
      // A browser without it has no `await using` either.
      if (dispose === undefined) return
      await within((socket as any)[dispose](), 'the end')
      equal(socket.state, 'closed', 'the state')
    }
  },
  {
    name: 'reconnect: false makes the first end final',
    async run (tools) {
      const socket = tools.socket(tools.other, '/close/1011', { query: { times: 9 }, reconnect: false })
      equal((await within(socket.closed, 'the end')).code, 1011, 'the code')
      equal((await tools.seen()).handshakes.length, 1, 'handshakes')
    }
  }
]
