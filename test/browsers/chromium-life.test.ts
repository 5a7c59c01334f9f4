import { test, type Test } from 'tap'
import { until } from '../support/until.ts'
import { startPlainChromium, Tab } from './cdp.ts'
import { startHost } from './host.ts'
import type { SilentRelay } from '../support/silent-relay.ts'

/** Of a heartbeat that comes by itself within the test, and of one that does not. */
const OFTEN = { heartbeat: { interval: 300, timeout: 500 } }
const SELDOM = { heartbeat: { interval: 60_000, timeout: 500 } }

/** Milliseconds in which a page that is seen again must have a connection. A dead one has 500 to answer, and an attempt 200. */
const SOON = 4000

/** For what must not happen: several times as long as the heartbeat would take. A hidden page has one timer in a second. */
const LONG = 4000

const pause = (milliseconds: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, milliseconds) })

test('Chromium: pages that nobody sees, that freeze, that come back', async t => {
  const host = await startHost(t)
  const devtools = await startPlainChromium(t)

  /** A page with one socket, in front. */
  async function open (options: object): Promise<{ tab: Tab, relay: SilentRelay }> {
    const { port } = await host.control.relay!({}) as { port: number }
    const tab = await Tab.open(devtools, `${host.url}/?in=life`)
    await until(() => tab.value("self.life !== undefined && document.visibilityState === 'visible'"))
    await tab.value(`life.begin(${port}, ${JSON.stringify(options)})`)
    return { tab, relay: host.relay(port) }
  }

  /** Another tab in front. */
  async function hide (tab: Tab): Promise<Tab> {
    const other = await Tab.open(devtools)
    await until(() => tab.value("document.visibilityState === 'hidden'"))
    return other
  }

  async function freeze (tab: Tab): Promise<void> {
    await tab.send('Page.setWebLifecycleState', { state: 'frozen' })
    await until(() => tab.value('life.isFrozen'), 'the page to freeze')
  }

  async function thaw (tab: Tab): Promise<void> {
    await tab.send('Page.setWebLifecycleState', { state: 'active' })
  }

  /** Another connection comes soon, and messages go through it. */
  async function replaced (t: Test, tab: Tab, relay: SilentRelay, before = 1): Promise<void> {
    const begin = performance.now()
    await until(() => relay.connections > before)
    await until(() => tab.value("life.states.at(-1) === 'open'"))
    const passed = performance.now() - begin
    t.ok(passed < SOON, `there is another connection after ${Math.round(passed)} ms`)
    await works(t, tab)
    t.equal(relay.connections, before + 1, 'and one only')
  }

  async function works (t: Test, tab: Tab): Promise<void> {
    t.equal(await tab.value("life.send('there?')"), 'sent')
    await until(() => tab.value("life.texts.includes('there?')"), 'the answer')
    t.strictSame(tab.faults, [], 'nothing has failed')
  }

  /** The connection is kept, and was asked at once. */
  async function kept (t: Test, tab: Tab, relay: SilentRelay, sent: number): Promise<void> {
    await until(() => relay.sent > sent, 'a ping')
    await pause(1000)
    await works(t, tab)
    t.equal(relay.connections, 1, 'it is the same connection')
  }

  await t.test('a hidden page is not judged; shown again, it replaces a dead connection', async t => {
    const { tab, relay } = await open(OFTEN)
    await hide(tab)
    relay.silence()
    await pause(LONG)
    t.equal(relay.connections, 1, 'no other connection while it is hidden')
    t.equal(await tab.value('life.states.at(-1)'), 'open')
    await tab.toFront()
    await replaced(t, tab, relay)
  })

  await t.test('a hidden page that is shown again keeps a live connection', async t => {
    const { tab, relay } = await open(SELDOM)
    await hide(tab)
    const { sent } = relay
    await pause(1000)
    t.equal(relay.sent, sent, 'nobody asks meanwhile')
    await tab.toFront()
    await kept(t, tab, relay, sent)
  })

  await t.test('a page that waits for its next attempt makes it when it is shown', async t => {
    const { tab, relay } = await open({ ...SELDOM, reconnect: { min: 600_000, max: 900_000 } })
    await hide(tab)
    relay.cut()
    relay.reset()
    await until(() => tab.value("life.states.at(-1) === 'waiting'"))
    relay.mend()
    await tab.toFront()
    await replaced(t, tab, relay, relay.connections)
  })

  for (const { name, options, blow, time } of [
    { name: 'a frozen page replaces a dead connection when it goes on', options: OFTEN, blow: 'silence', time: 1500 },
    { name: 'a frozen page whose server has gone away meanwhile comes back', options: SELDOM, blow: 'reset', time: 500 }
  ] as const) {
    await t.test(name, async t => {
      const { tab, relay } = await open(options)
      await hide(tab)
      await freeze(tab)
      relay[blow]()
      await pause(time)
      t.equal(relay.connections, 1, 'no other connection while it is frozen')
      await thaw(tab)
      await tab.toFront()
      await replaced(t, tab, relay)
    })
  }

  await t.test('a frozen page that goes on has a connection, be it another one: Chromium itself may end those of a frozen page', async t => {
    const { tab, relay } = await open(SELDOM)
    await hide(tab)
    await freeze(tab)
    await pause(500)
    await thaw(tab)
    await tab.toFront()
    await pause(1500)
    await until(() => tab.value("life.states.at(-1) === 'open'"))
    await works(t, tab)
    t.ok(relay.connections <= 2, 'another one at most')
  })

  for (const isDead of [true, false]) {
    await t.test(`the network goes and comes: a ${isDead ? 'dead connection is replaced' : 'live connection is kept'}`, async t => {
      const { tab, relay } = await open(SELDOM)
      const network = (offline: boolean): Promise<unknown> => {
        return tab.send('Network.emulateNetworkConditions', { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 })
      }
      await tab.send('Network.enable')
      await network(true)
      await until(() => tab.value('!navigator.onLine'))
      if (isDead) relay.silence()
      await pause(300)
      const { sent } = relay
      await network(false)
      if (isDead) await replaced(t, tab, relay)
      else await kept(t, tab, relay, sent)
    })
  }

  for (const name of ['waits for its next attempt', 'connects'] as const) {
    await t.test(`back to a page that was left while it ${name}`, async t => {
      // Chromium may cut an attempt of a page that it keeps, or leave it to its silent network: then it ends with its own timeout.
      const connectTimeout = 2000
      const { tab, relay } = await open({ ...SELDOM, connectTimeout, reconnect: { min: name === 'connects' ? 1 : 600_000, max: 900_000 } })
      relay.cut()
      relay.reset()
      await until(() => tab.value("life.states.at(-1) === 'waiting'"))
      if (name === 'connects') await until(() => tab.value("life.states.at(-1) === 'connecting'"))
      await tab.send('Page.navigate', { url: `${host.url}/away` })
      await until(() => tab.value("document.title === 'away'"))
      relay.mend()
      const before = relay.connections
      await tab.value('history.back()')
      await until(() => tab.value("document.title === 'checks' && self.life !== undefined"))
      t.ok(await tab.value('life.isKept'), 'it is the same page')
      await until(() => tab.value("life.states.at(-1) === 'open'"))
      await works(t, tab)
      // The attempt that was left, the question what had become of it, and the next one; the page may be shown before the network is back.
      t.ok(relay.connections <= before + 5, `${relay.connections - before} connections`)
    })
  }

  await t.test('back to a page that the browser has kept', async t => {
    const { tab, relay } = await open(SELDOM)
    await tab.send('Page.navigate', { url: `${host.url}/away` })
    await until(() => tab.value("document.title === 'away'"))
    await tab.value('history.back()')
    await until(() => tab.value("document.title === 'checks' && self.life !== undefined"))
    t.ok(await tab.value('life.isKept'), 'it is the same page')
    await until(() => tab.value("life.states.at(-1) === 'open'"))
    await works(t, tab)
    t.ok(relay.connections <= 2, 'another connection at most')
  })
})
