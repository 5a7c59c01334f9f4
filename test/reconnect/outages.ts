import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { Network } from '../soak/network.ts'
import { installClock } from '../support/clock.ts'
import { frame } from '../support/frames.ts'
import { until } from '../support/until.ts'
import { BUILDS, type BuildName } from './builds.ts'
import { startCrowd, startServer } from './herds.ts'
import { startNginx } from './nginx.ts'
import { accept } from './raw-server.ts'
import type { Scenario, Stage } from './stage.ts'
import { QUICK, SERVER_HEARTBEAT } from './times.ts'
import { Witness } from './witness.ts'

/** Milliseconds more than it should take, on a machine that has other things to do. */
const GRACE = 1500

const NAMES: BuildName[] = ['node', 'web']

/** Follows a feed that may be lost with its server. */
function follow (stage: Stage, build: BuildName, url: string, options: object = QUICK): Witness {
  const socket = BUILDS[build](url, options).connect('/json', { query: ({ since }: { since?: string }) => ({ id: build, since }) })
  stage.defer(() => socket.close())
  return new Witness(socket, 0, () => true, null)
}

/** A server that is restarted by a signal: what it kept is lost, and the client learns it. */
function restartedBy (signal: 'SIGKILL' | 'SIGTERM', code: number): Scenario {
  return {
    name: `a server that gets ${signal} and is started again`,
    async run (stage) {
      const old = startServer(stage)
      const port = await old.ask('listen', { heartbeat: SERVER_HEARTBEAT })
      const witnesses = NAMES.map(build => follow(stage, build, `ws://127.0.0.1:${port}`))
      await until(() => witnesses.every(({ begun }) => begun === 1))
      for (let n = 1; n <= 3; n++) await old.ask('publish', n)
      await until(() => witnesses.every(({ last }) => last === 3), 'the messages of the first server')
      const reasons = witnesses.map(({ socket }) => new Promise<number>(resolve => {
        socket.on('state', (state, { reason }) => { if (state === 'waiting') resolve(reason!.code) })
      }))
      old.kill(signal)
      await old.exit
      assert.deepEqual(await Promise.all(reasons), [code, code])
      const next = startServer(stage)
      await next.ask('listen', { heartbeat: SERVER_HEARTBEAT, port })
      await until(() => witnesses.every(({ begun }) => begun === 2), 'a beginning of the second server')
      assert.deepEqual(witnesses.map(({ lost }) => lost), [2, 2], 'the client learns that what it has missed is lost')
      for (let n = 100; n <= 103; n++) await next.ask('publish', n)
      await until(() => witnesses.every(({ last }) => last === 103), 'the messages of the second server')
      assert.deepEqual(witnesses.flatMap(({ faults }) => faults), [])
    }
  }
}

/** Something that lets clients in, and out again at once. */
function revolvingDoor (name: string, onConnection: (stage: Stage) => Promise<number>): Scenario {
  return {
    name,
    async run (stage) {
      const port = await onConnection(stage)
      const counts = await Promise.all(NAMES.map(async build => {
        const socket = BUILDS[build](`ws://127.0.0.1:${port}`, { reconnect: { min: 20, max: 400, stable: 10_000 }, connectTimeout: 200 }).connect('/json')
        const delays: number[] = []
        let attempts = 0
        socket.on('state', (state, { attempt, delay }) => {
          if (state !== 'waiting') return
          delays.push(delay)
          attempts = attempt
        })
        await wait(4000)
        void socket.close()
        assert.equal((await socket.closed).code, 1000)
        assert.equal(attempts, delays.length, 'no connection of these counts as stable')
        return delays.length
      }))
      stage.say(`attempts in 4 s: ${counts.join(' and ')}`)
      // In the mean, one in 200 ms; Node's `fetch`, which is to say why, may take its time.
      for (const count of counts) assert.ok(count >= 5 && count <= 60, `${count} attempts`)
    }
  }
}

export const outages: Scenario[] = [
  restartedBy('SIGKILL', 1006),
  restartedBy('SIGTERM', 1001),
  revolvingDoor('something that accepts connections and ends them at once', stage => stage.listen(socket => { socket.end() })),
  revolvingDoor('something that accepts connections and resets them at once', stage => stage.listen(socket => { socket.resetAndDestroy() })),
  revolvingDoor('a server that opens connections and closes them at once', stage => stage.listen(socket => {
    accept(socket, () => { socket.end(frame(8, Buffer.from([3, 243]))) })
  })),
  ...NAMES.map((build): Scenario => ({
    name: `${build}: a proxy that answers 502 for a minute`,
    async run (stage) {
      let requests = 0
      const proxy = createServer((_request, response) => { response.writeHead(502).end('bad gateway') })
      proxy.on('upgrade', (_request, socket) => {
        requests++
        socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 11\r\nConnection: close\r\n\r\nbad gateway')
      })
      const server = startServer(stage)
      await server.ask('size').catch(() => {})
      const port = await stage.serve(proxy)
      const clock = installClock('performance')
      stage.defer(() => clock.uninstall())
      const delays: number[] = []
      const socket = BUILDS[build](`ws://127.0.0.1:${port}`).connect('/json', { query: { id: 'x' } })
      const statuses = new Set<number>()
      socket.on('state', (state, { delay, reason }) => {
        if (state !== 'waiting') return
        delays.push(delay)
        statuses.add(reason!.status)
      })
      for (let time = 0, known = 0; time < 60_000; known++) {
        await until(() => delays.length > known, 'an answer')
        time += delays[known]!
        clock.tick(delays[known]! + 1)
      }
      await until(() => socket.state === 'waiting')
      assert.deepEqual([...statuses], [502])
      stage.say(`${requests} attempts in a minute`)
      assert.ok(requests >= 3 && requests < 25, `${requests} attempts`)
      proxy.closeAllConnections()
      await new Promise(resolve => { proxy.close(resolve) })
      clock.uninstall()
      await server.ask('listen', { heartbeat: SERVER_HEARTBEAT, port })
      socket.probe()
      await until(() => socket.state === 'open', 'the connection to be back')
      await socket.close()
    }
  })),
  {
    name: 'nginx in front: restarted, reloaded, and with its server gone for a while (502)',
    async run (stage) {
      const old = startServer(stage)
      const backend = await old.ask('listen', { heartbeat: SERVER_HEARTBEAT })
      const nginx = await startNginx(stage, backend)
      const witnesses = NAMES.map(build => follow(stage, build, `ws://127.0.0.1:${nginx.port}`))
      let n = 0
      const isWell = async (what: string, server = old): Promise<void> => {
        await until(() => witnesses.every(({ socket }) => socket.state === 'open'), `open: ${what}`)
        await server.ask('publish', ++n)
        await until(() => witnesses.every(({ last }) => last === n), `a message: ${what}`)
        assert.deepEqual(witnesses.flatMap(({ faults }) => faults), [], what)
      }
      await isWell('at first')
      await nginx.stop('SIGTERM')
      await until(() => witnesses.every(({ socket }) => socket.state !== 'open'))
      await old.ask('publish', ++n)
      await nginx.start()
      await isWell('restarted')
      await nginx.reload()
      await isWell('reloaded')
      assert.deepEqual(witnesses.map(({ lost }) => lost), [1, 1], 'only the first beginning had nothing before it')
      const statuses = witnesses.map(({ socket }) => new Promise<number>(resolve => {
        socket.on('state', (_state, { reason }) => { if (reason?.status) resolve(reason.status) })
      }))
      old.kill('SIGKILL')
      assert.deepEqual(await Promise.all(statuses), [502, 502])
      const next = startServer(stage)
      await next.ask('listen', { heartbeat: SERVER_HEARTBEAT, port: backend })
      await until(() => witnesses.every(({ begun, lost, socket }) => socket.state === 'open' && lost === 2 && begun >= 2))
      await isWell('with another server', next)
    }
  },
  ...NAMES.map((build): Scenario => ({
    name: `${build}: a network whose link is cut, and mended`,
    async run (stage) {
      let network: Network
      try {
        network = new Network()
      } catch (error) {
        stage.say(`no network namespace can be made here: ${(error as Error).message.split('\n')[0]}`)
        return
      }
      stage.defer(() => network.remove())
      const server = startServer(stage)
      const port = await server.ask('listen', { heartbeat: { interval: 500, timeout: 500 }, host: network.host })
      const crowd = startCrowd(stage, network.within)
      const heartbeat = { interval: 600, timeout: 400 }
      await crowd.ask('connect', { build, url: `ws://${network.host}:${port}`, count: 1, options: { ...QUICK, heartbeat, connectTimeout: 1000 } })
      const last = async (n: number) => await until(async () => (await crowd.ask('story')).last === n, `message ${n}`)
      await server.ask('publish', 1)
      await last(1)
      const cutAt = Date.now()
      network.cut()
      await until(async () => (await crowd.ask('story')).changes.some(({ at, state }) => at >= cutAt && state === 'waiting'), 'the client to notice')
      const { changes } = await crowd.ask('story')
      const noticed = changes.find(({ at, state }) => at >= cutAt && state === 'waiting')!
      assert.equal(noticed.error, 'FST_ERR_WS_CLIENT_SILENT')
      assert.ok(noticed.at - cutAt <= heartbeat.interval + heartbeat.timeout + GRACE, `noticed after ${noticed.at - cutAt} ms`)
      for (let n = 2; n <= 5; n++) await server.ask('publish', n)
      await until(async () => await server.ask('size') === 0, 'the server to notice')
      const mendedAt = Date.now()
      network.mend()
      await last(5)
      const { faults, lost } = await crowd.ask('story')
      assert.deepEqual(faults, [])
      assert.equal(lost, 1, 'nothing was lost')
      stage.say(`noticed after ${noticed.at - cutAt} of ${heartbeat.interval + heartbeat.timeout} ms, back ${Date.now() - mendedAt} ms after the link`)
    }
  }))
]
