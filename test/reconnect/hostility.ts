import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { deflateRawSync } from 'node:zlib'
import type { ClientOptions, ClientSocket, Ending } from '../../lib/client/types.ts'
import { closeBody, frame } from '../support/frames.ts'
import { until } from '../support/until.ts'
import { BUILDS, type BuildName } from './builds.ts'
import { acceptance } from '../support/acceptance.ts'
import { accept, onRequest } from './raw-server.ts'
import type { Scenario, Stage } from './stage.ts'

const NAMES: BuildName[] = ['node', 'web']
const MIB = 2 ** 20
/** Bytes that a client may need for whatever a server sends, beyond what it is told to keep. */
const BOUND = 96 * MIB

interface Met {
  socket: ClientSocket
  /** How each connection or attempt has ended. */
  endings: Ending[]
  delays: number[]
}

/** With what only one of the builds knows. */
const PATIENT: ClientOptions & { maxPayload: number, deflate: boolean } = {
  maxPayload: 4 * MIB,
  deflate: true,
  reconnect: { min: 20, max: 60_000, stable: 1000 }, connectTimeout: 1000, closeTimeout: 500
}

/** A client meets a server that does to each connection what it wants. */
async function meet (stage: Stage, build: BuildName, options: ClientOptions, onConnection: (socket: Socket) => void): Promise<Met> {
  const port = await stage.listen(onConnection)
  const met: Met = { socket: BUILDS[build](`ws://127.0.0.1:${port}`, { ...PATIENT, ...options }).connect('/json'), endings: [], delays: [] }
  met.socket.on('state', (state, { reason, delay }) => {
    if (state !== 'waiting' && state !== 'closed') return
    met.endings.push(reason!)
    met.delays.push(delay)
  })
  stage.defer(() => met.socket.close())
  return met
}

/** Writes the same again and again, as long as the other side takes it. @returns how many bytes it has taken */
function flood (socket: Socket, bytes: Buffer): () => number {
  let written = 0
  const write = (): void => {
    while (!socket.destroyed && socket.writable) {
      written += bytes.length
      if (!socket.write(bytes)) {
        socket.once('drain', () => { setImmediate(write) })
        return
      }
    }
  }
  write()
  return () => written - socket.writableLength
}

/** Whether memory stays within bounds meanwhile. */
async function bounded (stage: Stage, run: () => Promise<unknown>): Promise<void> {
  globalThis.gc!()
  const before = process.memoryUsage()
  const used = (usage: NodeJS.MemoryUsage) => usage.heapUsed + usage.external
  let most = 0
  const timer = setInterval(() => {
    globalThis.gc!()
    most = Math.max(most, used(process.memoryUsage()) - used(before))
  }, 100)
  await run()
  clearInterval(timer)
  stage.say(`${(most / MIB).toFixed(1)} MiB more at most`)
  assert.ok(most < BOUND, `${most} bytes more`)
}

/** For each build, a server whose connections all end in the same way. */
function ending (name: string, onConnection: (socket: Socket) => void, expected: (ending: Ending, build: BuildName) => void, options: ClientOptions = {}): Scenario[] {
  return NAMES.map(build => ({
    name: `${build}: ${name}`,
    flags: ['--expose-gc'],
    async run (stage) {
      const { endings } = await meet(stage, build, options, onConnection)
      await bounded(stage, () => until(() => endings.length > 0, 'an end'))
      const [{ body, ...first }] = endings as [Ending]
      stage.say(`${first.code} ${first.status || ''} ${(first.error as { code?: string } | null)?.code ?? first.reason}`)
      expected({ body, ...first }, build)
    }
  }))
}

const isRetried = ({ code }: Ending): void => { assert.equal(code, 1006) }

/** What a server may ask for by Retry-After, and the least and the most that a client then waits, in milliseconds. */
const RETRY_AFTER: Array<[text: string, least: number, most: number]> = [
  ['31536000', 86_400_000, 86_500_000],
  ['99999999999999999999999', 86_400_000, 86_500_000],
  ['2147484', 86_400_000, 86_500_000],
  ['1', 1000, 1100],
  ['-5', 0, 100],
  ['soon', 0, 100],
  ['', 0, 100],
  ['Fri, 31 Dec 9999 23:59:59 GMT', 86_400_000, 86_500_000],
  ['Fri, 31 Dec 1999 23:59:59 GMT', 0, 100]
]

const FINAL = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3003, 4400, 4403, 4404, 4499]
const NOT_FINAL = [1001, 1011, 1012, 1013, 1014, 3001, 3999, 4000, 4408, 4429, 4500, 4999]
/** None of these may be on the wire. */
const FORBIDDEN = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535]

export const hostility: Scenario[] = [
  ...ending('headers without an end', socket => {
    onRequest(socket, () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\n')
      flood(socket, Buffer.from(`X-Header: ${'x'.repeat(1000)}\r\n`))
    })
  }, isRetried),
  ...ending('one header without an end', socket => {
    onRequest(socket, () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nX-Header: ')
      flood(socket, Buffer.alloc(10_000, 'x'))
    })
  }, isRetried),
  ...ending('garbage in place of HTTP', socket => { onRequest(socket, () => { socket.end(Buffer.from(Array.from({ length: 1000 }, (_, i) => i * 37 & 255))) }) }, isRetried),
  ...ending('no answer at all', () => {}, ({ error }) => { assert.match((error as { code?: string }).code!, /TIMEOUT/) }),
  ...ending('a handshake that is answered with the wrong key', socket => {
    onRequest(socket, request => { socket.write(acceptance(request.replace(/key: .{4}/i, 'Key: AAAA'))) })
  }, isRetried),
  ...ending('a subprotocol that nobody asked for', socket => {
    onRequest(socket, request => { socket.write(acceptance(request, 'Sec-WebSocket-Protocol: surprise')) })
  }, isRetried),
  ...ending('a refusal whose body has no end', socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 503 Sorry\r\nContent-Type: text/plain\r\n\r\n')
      flood(socket, Buffer.alloc(16_384, 'y'))
    })
  }, ({ status, body }) => {
    assert.equal(status, 503)
    assert.ok(body.length <= 65_536, `${body.length} characters`)
  }),
  ...ending('a refusal whose body never comes', socket => {
    socket.once('data', () => { socket.write('HTTP/1.1 503 Sorry\r\nContent-Length: 5\r\n\r\n') })
  }, isRetried),
  ...ending('101, and then nothing', socket => { accept(socket, () => { socket.resume() }) }, ({ error }) => {
    assert.equal((error as { code?: string }).code, 'FST_ERR_WS_CLIENT_SILENT')
  }, { heartbeat: { interval: 300, timeout: 200 } }),
  ...ending('101, a message, and then nothing', socket => {
    accept(socket, () => {
      socket.write(frame(1, '{"n":1}'))
      socket.resume()
    })
  }, ({ error }) => {
    assert.equal((error as { code?: string }).code, 'FST_ERR_WS_CLIENT_SILENT')
  }, { heartbeat: { interval: 300, timeout: 200 } }),
  ...ending('a message of 8 EiB', socket => {
    accept(socket, () => {
      socket.write(frame(2, '', { announced: 2n ** 63n - 1n }))
      flood(socket, Buffer.alloc(65_536))
    })
  }, ({ code, initiator }) => {
    assert.equal(initiator, 'local')
    assert.ok([1002, 1006, 1009].includes(code), `${code}`)
  }).filter(({ name }) => name.startsWith('node')),
  ...ending('a message in fragments without an end', socket => {
    accept(socket, () => {
      socket.write(frame(2, 'x', { fin: false }))
      flood(socket, Buffer.concat(Array.from({ length: 10 }, () => frame(0, Buffer.alloc(60_000), { fin: false }))))
    })
  }, ({ code }) => { assert.ok([1006, 1009].includes(code), `${code}`) }).filter(({ name }) => name.startsWith('node')),
  ...ending('compressed messages that nobody agreed on', socket => {
    accept(socket, () => { socket.write(frame(1, deflateRawSync(Buffer.alloc(1000)), { rsv: 4 })) })
  }, ({ code }) => { assert.ok([1002, 1006].includes(code), `${code}`) }),
  ...NAMES.map((build): Scenario => ({
    name: `${build}: a compressed bomb of 1 GiB`,
    flags: ['--expose-gc'],
    async run (stage) {
      const bomb = deflateRawSync(Buffer.alloc(64 * MIB), { level: 9 })
      let isAgreed = false
      const { endings } = await meet(stage, build, { heartbeat: { interval: 500, timeout: 5000 } }, socket => {
        onRequest(socket, request => {
          isAgreed = /permessage-deflate/i.test(request)
          socket.write(acceptance(request, ...isAgreed ? ['Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover'] : []))
          socket.write(frame(2, bomb, { rsv: 4, fin: false }))
          for (let i = 0; i < 15; i++) socket.write(frame(0, bomb, { fin: i === 14 }))
          socket.resume()
        })
      })
      // The platform's own limit is not ours.
      if (build === 'web') return stage.say('the platform decides')
      await bounded(stage, () => until(() => endings.length > 0, 'an end'))
      stage.say(`compression ${isAgreed ? 'agreed on' : 'not offered'}, ${endings[0]!.code}`)
      assert.ok([1002, 1009].includes(endings[0]!.code), `${endings[0]!.code}`)
    }
  })).filter(({ name }) => name.startsWith('node')),
  ...NAMES.map((build): Scenario => ({
    name: `${build}: a flood of messages to a slow consumer`,
    flags: ['--expose-gc'],
    async run (stage) {
      let taken = () => 0
      const text = JSON.stringify({ text: 'x'.repeat(10_000) })
      const { socket, endings } = await meet(stage, build, { maxQueued: MIB }, server => {
        accept(server, () => { taken = flood(server, Buffer.concat(Array.from({ length: 6 }, () => frame(1, text)))) })
      })
      await socket.opened
      await bounded(stage, () => build === 'web' ? until(() => endings.length > 0, 'an end') : wait(2000))
      if (build === 'web') {
        assert.equal((endings[0]!.error as { code?: string } | null)?.code, 'FST_ERR_WS_CLIENT_SLOW')
        assert.equal(socket.state, 'closed')
        return
      }
      assert.deepEqual(endings, [])
      stage.say(`${(taken() / MIB).toFixed(1)} MiB taken`)
      // What the kernel holds on both sides comes to some MiB.
      assert.ok(taken() < 24 * MIB, `${taken()} bytes were taken`)
      let count = 0
      for await (const _ of socket) if (++count === 5000) break
    }
  })),
  ...NAMES.map((build): Scenario => ({
    name: `${build}: a flood of pings from a server that reads nothing`,
    flags: ['--expose-gc'],
    async run (stage) {
      const { socket } = await meet(stage, build, { heartbeat: false }, server => {
        accept(server, () => {
          server.pause()
          flood(server, Buffer.concat(Array.from({ length: 500 }, () => frame(9, 'x'.repeat(125)))))
        })
      })
      await socket.opened
      await bounded(stage, () => wait(3000))
    }
  })).filter(({ name }) => name.startsWith('node')),
  ...NAMES.map((build): Scenario => ({
    name: `${build}: a flood of empty texts, which are no messages`,
    flags: ['--expose-gc'],
    async run (stage) {
      const { socket } = await meet(stage, build, {}, server => {
        accept(server, () => {
          server.resume()
          let left = 200_000
          const some = frame(1, '')
          server.write(Buffer.concat(Array.from({ length: left }, () => some)))
          left = 0
          server.write(frame(1, '{"n":1}'))
        })
      })
      const heard: unknown[] = []
      socket.on('message', message => { heard.push(message) })
      await bounded(stage, () => until(() => heard.length > 0))
      assert.deepEqual(heard, [{ n: 1 }])
    }
  })),
  ...NAMES.map((build): Scenario => ({
    name: `${build}: whatever Retry-After says, it is obeyed for a day at most, and nonsense is not`,
    async run (stage) {
      for (const [text, least, most] of RETRY_AFTER) {
        const { delays, endings } = await meet(stage, build, {}, socket => {
          socket.once('data', () => { socket.end(`HTTP/1.1 503 Sorry\r\nRetry-After: ${text}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`) })
        })
        await until(() => delays.length > 0)
        assert.equal(endings[0]!.status, 503)
        assert.ok(delays[0]! >= least && delays[0]! <= most, `'${text}': ${delays[0]} ms`)
        if (least < 1000) continue
        await wait(200)
        assert.equal(delays.length, 1, `'${text}': it has tried again at once`)
      }
    }
  })),
  ...NAMES.map((build): Scenario => ({
    name: `${build}: close frames with all kinds of codes`,
    async run (stage) {
      const closedWith = (body: Buffer) => meet(stage, build, { reconnect: { min: 60_000, max: 60_000, spread: 60_000 } }, socket => {
        accept(socket, () => { socket.end(frame(8, body)) })
      })
      await Promise.all([...FINAL, ...NOT_FINAL].map(async code => {
        const { socket, endings } = await closedWith(closeBody(code, 'because'))
        await until(() => endings.length > 0, `an end by ${code}`)
        assert.equal(endings[0]!.code, code)
        assert.equal(endings[0]!.reason, 'because')
        assert.equal(endings[0]!.initiator, 'remote')
        assert.equal(socket.state, FINAL.includes(code) ? 'closed' : 'waiting', `${code}`)
      }))
      const odd: Array<[string, Buffer]> = [
        ...FORBIDDEN.map((code): [string, Buffer] => [`${code}`, closeBody(code)]),
        ['half a code', Buffer.from([3])], ['a reason that is not UTF-8', closeBody(1000, Buffer.from([0xff, 0xfe]))]
      ]
      const codes = await Promise.all(odd.map(async ([name, body]) => {
        const { socket, endings } = await closedWith(body)
        await until(() => endings.length > 0, `an end by ${name}`)
        return `${name}: ${endings[0]!.code} ${endings[0]!.initiator} ${socket.state}`
      }))
      stage.say(codes.join(', '))
      const { socket, endings } = await closedWith(Buffer.alloc(0))
      await until(() => endings.length > 0, 'an end without a code')
      assert.equal(endings[0]!.code, 1005)
      assert.equal(socket.state, 'waiting')
    }
  }))
]
