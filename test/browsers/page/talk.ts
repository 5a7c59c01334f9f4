import { type Check, codeOf, control, equal, next, ok, pause, until, within } from './tools.ts'

const bytesOf = (text: string): number[] => [...new TextEncoder().encode(text)]

declare const navigator: { userAgent: string }

export const talk: Check[] = [
  {
    name: 'connects, and JSON goes both ways',
    async run (tools) {
      const socket = tools.socket(tools.same, '/echo')
      equal(socket.state, 'connecting', 'the state at first')
      await within(socket.opened, 'the socket to open')
      equal([socket.state, socket.protocol], ['open', ''], 'the state and the protocol')
      equal(socket.send({ text: 'hällo 🌍' }), 'sent', 'what became of the message')
      equal(await next(socket), { text: 'hällo 🌍', n: 1 }, 'the answer')
      equal((await tools.seen()).messages, [{ text: 'hällo 🌍' }], 'what the server got')
    }
  },
  {
    name: 'a contract connects, its URL filled with params',
    async run (tools) {
      const contract = tools.bundles.defineSocket('/halls/:hall', { message: {}, send: {} })
      const socket = tools.socket(tools.same, contract, { params: { hall: 'tea & cake/ü' } })
      equal(await next(socket), { text: 'tea & cake/ü' }, 'the param that the server got')
    }
  },
  {
    name: 'a subprotocol is agreed on',
    async run (tools) {
      const socket = tools.socket(tools.other, '/echo', { protocols: async () => ['chat.v1', 'chat.v2'] })
      await within(socket.opened, 'the socket to open')
      equal(socket.protocol, 'chat.v2', 'the protocol')
    }
  },
  {
    name: '2,000 messages come back in order',
    async run (tools) {
      const socket = tools.socket(tools.other, '/echo')
      await within(socket.opened, 'the socket to open')
      for (let i = 1; i <= 2000; i++) socket.send({ text: `${i}` })
      let count = 0
      for await (const { text, n } of socket) {
        equal([text, n], [`${++count}`, count], 'the message')
        if (count === 2000) break
      }
      equal(await within(socket.closed, 'the end').then(({ code }) => code), 1000, 'leaving the loop closes')
    }
  },
  {
    name: 'for await goes on when the server has started again',
    async run (tools) {
      const { port } = await control('spare')
      const socket = tools.socket(`ws://127.0.0.1:${port}`, '/echo')
      const states: string[] = []
      socket.on('state', state => { states.push(state) })
      const got: unknown[] = []
      const loop = (async () => { for await (const message of socket) got.push(message) })()
      await within(socket.opened, 'the socket to open')
      socket.send({ text: 'before' })
      await until(() => got.length === 1, 'the answer')
      await control('stop', { port })
      await until(() => states.includes('waiting'), 'the socket to wait')
      equal(socket.send({ text: 'lost' }), 'dropped', 'what becomes of a message meanwhile')
      await control('start', { port })
      await until(() => socket.state === 'open', 'the socket to come back')
      socket.send({ text: 'after' })
      await until(() => got.length === 2, 'the answer of the new server')
      equal(got, [{ text: 'before', n: 1 }, { text: 'after', n: 1 }], 'the messages')
      await socket.close()
      await within(loop, 'the loop to end')
      equal(states.at(-1), 'closed', 'the last state')
    }
  },
  {
    name: 'resumes a topic: nothing lost, nothing twice',
    async run (tools) {
      const count = 300
      let lives = 0
      const socket = tools.socket(tools.other, '/rooms/:room', {
        params: { room: tools.key },
        query: ({ since }: { since?: string }) => (since === undefined ? {} : { since })
      })
      socket.on('state', state => { if (state === 'open') lives++ })
      const got: number[] = []
      const loop = (async () => {
        for await (const { n } of socket) {
          got.push(n)
          if (n === count) break
        }
      })()
      await until(() => got.length === 1, 'the welcome')
      const stream = control('stream', { room: tools.key, key: tools.key, count })
      await within(Promise.all([loop, stream]), 'all lines', 20_000)
      equal(got, Array.from({ length: count + 1 }, (_, n) => n), 'the lines')
      ok(lives > 5, `it had ${lives} lives`)
    }
  },
  {
    name: 'bytes both ways',
    async run (tools) {
      const socket = tools.socket(tools.same, '/raw', { codec: 'raw' })
      await within(socket.opened, 'the socket to open')
      const got: unknown[] = []
      socket.on('message', message => { got.push(typeof message === 'string' ? message : [message instanceof Uint8Array, ...message]) })
      socket.send(new Uint8Array([0, 1, 2, 254, 255]).subarray(1, 4))
      socket.send('téxt')
      socket.send('')
      socket.send(new Uint8Array(0))
      await until(() => got.length === 4, 'the answers')
      equal(got, [[true, 1, 2, 254], 'téxt', '', [true]], 'the answers')
      const large = new Uint8Array(300_000).map((_, i) => i * 7)
      socket.send(large)
      await until(() => got.length === 5, 'the large answer')
      equal((got[4] as unknown[]).slice(1), [...large], 'the large answer')
      equal(codeOf(() => socket.send({} as never)), 'FST_ERR_WS_CLIENT_SEND', 'no bytes')
    }
  },
  {
    name: 'bytes are delivered as they come where messages are JSON',
    async run (tools) {
      const socket = tools.socket(tools.same, '/bytes')
      await within(socket.opened, 'the socket to open')
      socket.send({ text: 'ä' })
      const message = await next(socket)
      ok(message instanceof Uint8Array, 'the message is bytes')
      equal([...message], bytesOf('ä'), 'the message')
    }
  },
  {
    name: 'what came with the handshake is not lost on a listener of the turn after',
    async run (tools) {
      const socket = tools.socket(tools.raw, '/first-two', { reconnect: false })
      await within(socket.opened, 'the socket to open')
      await pause(0)
      const got: string[] = []
      socket.on('message', ({ text }) => { got.push(text) })
      await until(() => got.length === 2, 'both messages')
      equal(got, ['first', 'second'], 'the messages')
    }
  },
  {
    name: 'a message and a violation in the packet of the handshake: what the browser delivers is delivered',
    async run (tools) {
      const socket = tools.socket(tools.raw, '/first-violation', { reconnect: false })
      const opened = socket.opened.then(() => true, () => false)
      const got: string[] = []
      for await (const { text } of socket) got.push(text)
      const { code, wasClean } = await within(socket.closed, 'the end')
      ok(code === 1002 || code === 1006, `the code is ${code}`)
      // Firefox gives some of these connections up before they open, with or without a client of ours.
      const hasOpened = await opened
      ok(hasOpened || navigator.userAgent.includes('Firefox'), 'it opened')
      equal([got, wasClean], [hasOpened ? ['first'] : [], false], 'the messages, and whether the end was clean')
    }
  },
  {
    name: 'a violation in the packet of the handshake ends in time, whether or not it is final',
    async run (tools) {
      const socket = tools.socket(tools.raw, '/violation')
      const url = `/violation?key=${tools.key}`
      await until(async () => socket.state === 'closed' || Number(await control('rawConnections', { url })) > 1, 'another attempt or the end')
      await socket.close()
    }
  },
  {
    name: 'a message and a close frame in the packet of the handshake',
    async run (tools) {
      const socket = tools.socket(tools.raw, '/first-close')
      const got: string[] = []
      for await (const { text } of socket) got.push(text)
      const { code, reason, initiator } = await within(socket.closed, 'the end')
      equal([got, code, reason, initiator], [['first'], 4400, 'at once', 'remote'], 'the messages and the end')
    }
  },
  {
    name: 'the queue keeps what is sent without a connection, in order, and sends it once',
    async run (tools) {
      const { port } = await control('spare')
      await control('stop', { port })
      const base = `ws://127.0.0.1:${port}`
      const socket = tools.socket(base, '/echo', { queue: true })
      const without = tools.named('without').socket(base, '/echo')
      equal([socket.send({ text: '1' }), socket.send({ text: '2' }), without.send({ text: '1' })], ['queued', 'queued', 'dropped'], 'the outcomes')
      await until(() => socket.state === 'waiting', 'the socket to wait')
      equal(socket.send({ text: '3' }), 'queued', 'the outcome later')
      await control('start', { port })
      const got: string[] = []
      socket.on('message', ({ text }) => { got.push(text) })
      await until(() => got.length >= 3, 'the answers')
      socket.send({ text: 'last' })
      await until(() => got.includes('last'), 'the last answer')
      equal(got, ['1', '2', '3', 'last'], 'the answers')
      equal((await tools.seen()).messages.length, 4, 'messages that the server got')
    }
  },
  {
    name: 'the queue drops what is too old or too much, and says so',
    async run (tools) {
      const { port } = await control('spare')
      await control('stop', { port })
      const socket = tools.socket(`ws://127.0.0.1:${port}`, '/echo', { queue: { bytes: 300, age: 200 } })
      const dropped: unknown[] = []
      socket.on('drop', message => { dropped.push(message) })
      equal([socket.send({ text: 'old' }), socket.send({ text: 'x'.repeat(200) })], ['queued', 'dropped'], 'the outcomes')
      await until(() => dropped.length > 0, 'the old one to be dropped')
      equal(dropped, [{ text: 'old' }], 'what was dropped')
    }
  },
  {
    name: 'who takes no messages is closed before they fill the memory',
    async run (tools) {
      const socket = tools.socket(tools.same, '/flood', { maxQueued: 100_000, reconnect: false })
      const { error } = await within(socket.closed, 'the end')
      equal((error as { code?: string } | null)?.code, 'FST_ERR_WS_CLIENT_SLOW', 'the error')
    }
  }
]
