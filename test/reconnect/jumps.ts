import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import FakeTimers from '@sinonjs/fake-timers'
import { until } from '../support/until.ts'
import { BUILDS, type BuildName } from './builds.ts'
import { startCrowd, startServer } from './herds.ts'
import { RoughRelay } from './rough-relay.ts'
import type { Scenario } from './stage.ts'
import { QUICK, SERVER_HEARTBEAT } from './times.ts'
import { Witness } from './witness.ts'

const NAMES: BuildName[] = ['node', 'web']

const HOUR = 3_600_000

/** A laptop that slept: its clock has gone on, and its timers all at once. */
function jump (build: BuildName, isDead: boolean): Scenario {
  return {
    name: `${build}: the clock jumps an hour, and the connection is ${isDead ? 'dead: it is found in 10 s' : 'alive: it is kept'}`,
    async run (stage) {
      const server = startServer(stage)
      const relay = await RoughRelay.to(await server.ask('listen', { heartbeat: { interval: 60_000, timeout: 60_000 } }))
      stage.defer(() => relay.close())
      const clock = FakeTimers.install({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'], now: Date.now(), shouldClearNativeTimers: true })
      stage.defer(() => clock.uninstall())
      const socket = BUILDS[build](`ws://127.0.0.1:${relay.port}`).connect('/json', { query: ({ since }: { since?: string }) => ({ id: 'x', since }) })
      const witness = new Witness(socket, 0, () => true, null)
      const states: string[] = []
      socket.on('state', state => { states.push(state) })
      await until(() => witness.begun === 1)
      await server.ask('publish', 1)
      await until(() => witness.last === 1)
      if (isDead) for (const passage of relay.passages) passage.hit('silence')
      await server.ask('publish', 2)
      states.length = 0
      clock.jump(HOUR)
      if (!isDead) {
        // Time for a question and its answer, and for the deadline, of which none may come to pass.
        for (let i = 0; i < 60; i++) {
          await new Promise(resolve => { setImmediate(resolve) })
          clock.tick(100)
          await server.ask('publish', 3 + i)
        }
        await until(() => witness.last === 62)
        assert.deepEqual(states, [])
      } else {
        // Asked only now, because it may have slept: 10 s for the answer; then the first attempt, within 2 s.
        for (let i = 0; i < 130 && witness.last < 2; i++) {
          clock.tick(100)
          for (let turns = 0; turns < 20; turns++) await new Promise(resolve => { setImmediate(resolve) })
        }
        await until(() => witness.last === 2, 'what was missed')
        assert.deepEqual(states, ['waiting', 'connecting', 'open'])
      }
      assert.deepEqual(witness.faults, [])
      assert.equal(witness.lost, 1)
      clock.uninstall()
      await socket.close()
    }
  }
}

export const jumps: Scenario[] = [
  ...NAMES.map((build): Scenario => ({
    name: `${build}: a client that is stopped for longer than the server's heartbeat`,
    async run (stage) {
      const server = startServer(stage)
      const port = await server.ask('listen', { heartbeat: SERVER_HEARTBEAT })
      const crowd = startCrowd(stage)
      await crowd.ask('connect', { build, url: `ws://127.0.0.1:${port}`, count: 1, options: QUICK })
      await server.ask('publish', 1)
      await until(async () => (await crowd.ask('story')).last === 1)
      crowd.kill('SIGSTOP')
      await until(async () => await server.ask('size') === 0, 'the server to notice')
      for (let n = 2; n <= 9; n++) await server.ask('publish', n)
      await wait(1000)
      const at = Date.now()
      crowd.kill('SIGCONT')
      await until(async () => (await crowd.ask('story')).last === 9, 'what was missed')
      stage.say(`has all ${Date.now() - at} ms after it goes on`)
      const { faults, lost } = await crowd.ask('story')
      assert.deepEqual(faults, [])
      assert.equal(lost, 1)
    }
  })),
  ...NAMES.flatMap(build => [jump(build, false), jump(build, true)])
]
