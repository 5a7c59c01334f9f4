import type { ClientSocket } from '../../../lib/client/types.ts'
import { type Check, equal, next, ok, pause, type Tools, until, within } from './tools.ts'

declare const self: EventTarget

/** The way to a server of ours through a relay that can fall silent. */
async function relayed (tools: Tools): Promise<{ base: string, port: number, connections: () => Promise<number>, sent: () => Promise<number> }> {
  const { port } = await tools.control('relay')
  const state = (): Promise<{ connections: number, sent: number }> => tools.control('relayed', { port })
  return {
    base: `ws://127.0.0.1:${port}`,
    port,
    connections: async () => (await state()).connections,
    sent: async () => (await state()).sent
  }
}

/** Waits until the server is known to answer pings: the client has asked it before. */
async function settled (socket: ClientSocket<any, any>): Promise<void> {
  await within(socket.opened, 'the socket to open')
  socket.send({ text: 'settled' })
  await next(socket)
}

export const liveness: Check[] = [
  {
    name: 'a silent server is asked for a sound, and stays when it answers',
    async run (tools) {
      const { base, connections, sent } = await relayed(tools)
      const socket = tools.socket(base, '/echo', { heartbeat: { interval: 100, timeout: 3000 } })
      const got: unknown[] = []
      socket.on('message', message => { got.push(message) })
      await within(socket.opened, 'the socket to open')
      const before = await sent()
      // Longer than a question may stay unanswered.
      await pause(4000)
      // A masked frame without a payload has 6 bytes.
      const bytes = await sent() - before
      ok(bytes >= 6 * 5 && bytes % 6 === 0, `it has asked with ${bytes} bytes`)
      equal([await connections(), socket.state, got], [1, 'open', []], 'connections, state and messages')
    }
  },
  {
    name: 'a server that is heard is not asked',
    async run (tools) {
      const { base, sent } = await relayed(tools)
      const socket = tools.socket(base, '/echo', { heartbeat: { interval: 1000, timeout: 3000 } })
      await settled(socket)
      // Where the machine has other things to do, the server may fall silent for long enough.
      for (let attempt = 1, gap = Infinity; gap > 800; attempt++) {
        ok(attempt <= 5, 'the machine was too slow')
        gap = 0
        let heard = performance.now()
        const before = await sent()
        for (let i = 0; i < 15; i++) {
          socket.send({ text: 'a' })
          await next(socket)
          gap = Math.max(gap, performance.now() - heard)
          heard = performance.now()
          await pause(100)
        }
        const bytes = await sent() - before
        gap = Math.max(gap, performance.now() - heard)
        // Masked frames of {"text":"a"}, and no other.
        if (gap <= 800) equal(bytes, 15 * 18, 'bytes')
      }
    }
  },
  {
    name: 'heartbeat: false asks nothing',
    async run (tools) {
      const { base, sent } = await relayed(tools)
      const socket = tools.socket(base, '/echo', { heartbeat: false })
      await within(socket.opened, 'the socket to open')
      const before = await sent()
      await pause(1000)
      equal(await sent() - before, 0, 'bytes')
    }
  },
  {
    name: 'a connection that is dead without a word is replaced in the time of the heartbeat',
    async run (tools) {
      const { base, port, connections } = await relayed(tools)
      const socket = tools.socket(base, '/echo', { heartbeat: { interval: 300, timeout: 700 } })
      await settled(socket)
      await tools.control('silence', { port })
      const begin = performance.now()
      await until(async () => await connections() === 2 && socket.state === 'open', 'another connection', 6000)
      const passed = performance.now() - begin
      ok(passed >= 650, `it was given up after ${passed} ms`)
      socket.send({ text: 'again' })
      equal(await next(socket), { text: 'again', n: 1 }, 'the answer')
    }
  },
  {
    name: 'online asks at once: a dead connection is replaced, a live one is kept',
    isAlone: true,
    async run (tools) {
      const [dead, live] = await Promise.all([relayed(tools), relayed(tools)])
      const options = { heartbeat: { interval: 60_000, timeout: 500 } }
      const first = tools.named('dead').socket(dead.base, '/echo', options)
      const second = tools.named('live').socket(live.base, '/echo', options)
      await Promise.all([settled(first), settled(second)])
      await tools.control('silence', { port: dead.port })
      const before = await live.sent()
      self.dispatchEvent(new Event('online'))
      await until(async () => await dead.connections() === 2 && first.state === 'open', 'another connection', 6000)
      equal([await live.connections(), second.state], [1, 'open'], 'connections and state of the live one')
      ok(await live.sent() > before, 'the live one was asked')
    }
  },
  {
    name: 'probe() asks at once, and a socket that waits tries at once',
    async run (tools) {
      const { base, port, connections } = await relayed(tools)
      const socket = tools.named('open').socket(base, '/echo', { heartbeat: { interval: 60_000, timeout: 500 } })
      await settled(socket)
      await tools.control('silence', { port })
      socket.probe()
      await until(async () => await connections() === 2, 'another connection', 6000)

      const spare = await tools.control('spare')
      await tools.control('stop', spare)
      const slow = { min: 500_000, max: 1_000_000 }
      const waits = tools.named('waits').socket(`ws://127.0.0.1:${spare.port}`, '/echo', { reconnect: slow })
      await until(() => waits.state === 'waiting', 'the socket to wait')
      await tools.control('start', spare)
      waits.probe()
      await within(waits.opened, 'the socket to open', 10_000)
    }
  }
]
