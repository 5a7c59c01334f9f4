import { test, type Test } from 'tap'
import { type Stage, stage } from './fake-line.ts'

const PINGS = { ping: true, heartbeat: {} }

/** A page, as far as a client sees it. */
interface Page {
  window: EventTarget
  document: EventTarget & { hidden: boolean }
  /** How many listeners it has. */
  count: number
  /** As a browser does: at the document, whose events do not all bubble to the window, but go through it on their way down. */
  fire (type: string): void
}

function page (t: Test): Page {
  const listeners = new Set<(event: object) => void>()
  const document = Object.assign(new EventTarget(), { hidden: false })
  const shown: Page = {
    window: new EventTarget(),
    document,
    get count () { return listeners.size },
    fire (type) {
      for (const listener of listeners) listener({ type })
    }
  } as Page
  const types = new Map<(event: any) => void, string[]>()
  t.intercept(globalThis, 'document' as any, { value: document })
  t.intercept(globalThis, 'addEventListener' as any, {
    value: (type: string, listener: (event: any) => void, { capture, signal }: { capture: boolean, signal: AbortSignal }) => {
      if (!capture) throw new Error('would not hear events of the document that do not bubble')
      const all = types.get(listener) ?? []
      types.set(listener, all.concat(type))
      listeners.add(listener)
      signal.addEventListener('abort', () => {
        types.delete(listener)
        listeners.delete(listener)
      })
    }
  })
  shown.fire = type => {
    for (const [listener, all] of types) if (all.includes(type)) listener({ type })
  }
  return shown
}

for (const [what, leave] of [
  ['waits', async (): Promise<void> => {}],
  ['connects', async ({ clock, line }: Stage) => {
    await clock.tickAsync(1000)
    await line(1)
  }]
] as const) {
  test(`a page that is left while its socket ${what} tries at once when it comes back, whatever has become of its attempt`, async t => {
    const { fire } = page(t)
    const all = stage(t)
    const { opened, clock, line, lines } = all
    ;(await opened()).end()
    await leave(all)
    fire('freeze')
    const left = await line(1)
    clock.setSystemTime(Date.now() + 3_600_000)
    fire('pageshow')
    // What the browser has cut is told with what a plain request gets, once there is a server again.
    left.end({ status: 426 })
    await clock.tickAsync(0)
    await line(2)
    t.equal(lines.length, 3)
    // An attempt that fails again is no longer what was left.
    lines[2]!.end()
    await clock.tickAsync(10)
    t.equal(lines.length, 3)
  })
}

for (const type of ['visibilitychange', 'pageshow', 'online', 'resume', 'freeze']) {
  test(`on '${type}' an open connection is asked at once`, async t => {
    const { fire } = page(t)
    const { opened, clock, states } = stage(t, PINGS)
    const line = await opened()
    fire(type)
    t.equal(line.pings, 1)
    await clock.tickAsync(5000)
    t.strictSame(states, ['open', 'waiting'])
  })

  test(`on '${type}' a socket that waits tries at once`, async t => {
    const { fire } = page(t)
    const { line, lines, settle } = stage(t, PINGS)
    ;(await line(0)).end()
    await settle()
    fire(type)
    await settle()
    t.equal(lines.length, 2)
  })
}

test('a page that is hidden is no reason to ask', async t => {
  const { document, fire } = page(t)
  const { opened } = stage(t, PINGS)
  const line = await opened()
  document.hidden = true
  fire('visibilitychange')
  t.equal(line.pings, 0)
})

test('while the page is hidden nothing is given up; when it is shown it is asked, and then judged', async t => {
  const { document, fire } = page(t)
  const { opened, clock, states } = stage(t, PINGS)
  const line = await opened()
  document.hidden = true
  await clock.tickAsync(1_000_000)
  t.strictSame(states, ['open'])
  t.equal(line.pings, 1, 'and it is asked in vain but once')
  document.hidden = false
  fire('visibilitychange')
  t.equal(line.pings, 2)
  await clock.tickAsync(5000)
  t.strictSame(states, ['open', 'waiting'])
})

test('a page that was hidden and hears something goes on as before', async t => {
  const { document } = page(t)
  const { opened, clock, states } = stage(t, PINGS)
  const line = await opened()
  document.hidden = true
  await clock.tickAsync(1_000_000)
  line.json('still there')
  document.hidden = false
  await clock.tickAsync(25_000)
  t.equal(line.pings, 2)
  await clock.tickAsync(10_000)
  t.strictSame(states, ['open', 'waiting'])
})

test('a socket that has closed does not listen to the page any more', async t => {
  const shown = page(t)
  const one = stage(t, PINGS)
  const line = await one.opened()
  t.equal(shown.count, 1)
  void one.socket.close()
  line.endAsAsked()
  await one.socket.closed
  t.equal(shown.count, 0)
})

test('a machine that has slept for an hour asks before it judges', async t => {
  const { opened, clock, states } = stage(t, PINGS)
  const line = await opened()
  await clock.tickAsync(25_000)
  t.equal(line.pings, 1)
  clock.jump(3_600_000)
  t.equal(line.pings, 2, 'the late timer')
  t.strictSame(states, ['open'])
  line.owner.onPong()
  await clock.tickAsync(20_000)
  t.strictSame(states, ['open'])
})

test('a machine that has slept with a quiet connection asks, and gives up what does not answer', async t => {
  const { opened, clock, states } = stage(t, PINGS)
  const line = await opened()
  clock.jump(3_600_000)
  t.equal(line.pings, 1)
  await clock.tickAsync(5000)
  t.strictSame(states, ['open', 'waiting'])
})

test('a machine that has slept while a socket waited tries at once', async t => {
  const { line, lines, clock, settle } = stage(t)
  ;(await line(0)).end()
  await settle()
  clock.jump(3_600_000)
  await settle()
  t.equal(lines.length, 2)
})

test('a clock that is set back an hour puts off nothing for an hour', async t => {
  const { opened, clock, states } = stage(t, PINGS)
  const line = await opened()
  await clock.tickAsync(20_000)
  line.json('heard')
  clock.setSystemTime(clock.now - 3_600_000)
  await clock.tickAsync(40_000)
  t.ok(line.pings > 0)
  t.strictSame(states.slice(0, 2), ['open', 'waiting'])
})

test('a clock that is set forward an hour gives up no connection that lives', async t => {
  const { opened, clock, states } = stage(t, PINGS)
  const line = await opened()
  await clock.tickAsync(25_000)
  clock.setSystemTime(clock.now + 3_600_000)
  await clock.tickAsync(10_000)
  t.strictSame(states, ['open'])
  line.owner.onPong()
  await clock.tickAsync(20_000)
  t.strictSame(states, ['open'])
})

test('messages of the queue that are too old after an hour of sleep are not sent', async t => {
  const { socket, line, clock, drops } = stage(t, { queue: true, connectTimeout: 1e7 })
  socket.send('old')
  const one = await line(0)
  clock.setSystemTime(clock.now + 3_600_000)
  one.open()
  t.strictSame(one.sent, [])
  t.strictSame(drops, ['old'])
})

test('a listener that closes the socket for a message that is too old closes it before it has opened', async t => {
  const { socket, line, clock, drops, states } = stage(t, { queue: true, connectTimeout: 1e7 })
  socket.on('drop', () => { void socket.close(4000) })
  socket.send('old')
  const one = await line(0)
  clock.setSystemTime(clock.now + 50_000)
  socket.send('young')
  clock.setSystemTime(clock.now + 20_000)
  one.open()
  t.match(await socket.closed, { code: 4000 })
  t.strictSame(one.sent, [])
  t.strictSame(drops, ['old', 'young'])
  t.strictSame(states, ['closed'])
  t.equal(one.isDropped, true)
})
