import type { FastifyRequest, FastifyServerOptions } from 'fastify'
import { type Test, test } from 'tap'
import { createApp } from '../support/app.ts'
import { closeBody } from '../support/frames.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { listenTo } from '../support/serve.ts'
import { turn } from '../support/until.ts'
import { type Fault, FAULTS } from './faults.ts'
import { Watch } from './watch.ts'

const FAILING_URL = '/?n=failing'

export type App = ReturnType<typeof createApp>

/** User code in its place: does its work, and fails instead when the test wants it to. */
export type Code = (work?: () => unknown) => any

/** Where user code runs around a route. */
export interface Place {
  name: string
  /** Declares an echo at `/`, with user code in this place. */
  declare (app: App, code: Code): void
  /** Options of the server with user code in them. */
  server? (code: Code): FastifyServerOptions
  /** The faults that it can have; absent: all. */
  faults?: (fault: Fault) => boolean
  /** Whether it works until the connection is open. */
  worksAtFirst?: boolean
  /** Frames that the client sends right behind its handshake. */
  early?: Buffer
  /** What the client does when the connection is open. */
  provoke? (client: RawClient): void
  end: End | ((fault: Fault) => End)
}

/** What becomes of the connection. */
export interface End {
  name: string
  see (connection: Failing): Promise<void>
}

/** The connection whose user code fails. */
interface Failing {
  t: Test
  app: App
  client: RawClient
  /** Waits until the connection is open, and provokes the failure. */
  open (): Promise<void>
  /** Waits until the user code has failed. */
  failed (): Promise<void>
  until (isTrue: () => boolean): Promise<void>
}

/** Whether a request is the handshake of the connection whose user code fails. */
export function isFailing (request: FastifyRequest): boolean {
  return request.url === FAILING_URL
}

/** The handshake is answered with this status; absent: any but 101. */
export function refused (status?: number): End {
  return {
    name: `the handshake is refused${status === undefined ? '' : ` with ${status}`}`,
    async see ({ t, client }) {
      const response = await client.response()
      if (status === undefined) t.not(response.status, 101)
      else t.equal(response.status, status)
      await client.end()
    }
  }
}

/** The handshake is never answered. */
export const cut: End = {
  name: 'the connection is cut',
  async see ({ t, client }) {
    await client.end()
    t.equal(client.received.length, 0)
  }
}

/** The server closes the connection with this code. */
export function closed (code: number, reason: string): End {
  return {
    name: `the connection closes with ${code}`,
    async see ({ t, client, open }) {
      await open()
      t.strictSame(await nextClose(client), { code, reason })
      client.send(CLOSE, closeBody(code))
      await client.end()
    }
  }
}

/** What is documented for a failure: the connection is closed. */
export const failure = closed(1011, 'internal error')

/** The connection goes on as if nothing had happened. */
export const harmless: End = {
  name: 'the connection goes on',
  async see ({ t, client, open, failed }) {
    await open()
    await failed()
    t.equal(await echo(client), 'x')
    client.send(CLOSE)
    t.strictSame(await nextClose(client), { code: 1005, reason: '' })
    await client.end()
  }
}

/** The connection has ended, as it was about to. */
export const over: End = {
  name: 'the connection has ended',
  async see ({ client, open, failed }) {
    await open()
    await client.end()
    await failed()
  }
}

/** Tests each place with each of its faults, beside another connection of the same route. */
export function testPlaces (places: Place[]): void {
  for (const place of places) {
    for (const fault of FAULTS.filter(place.faults ?? (() => true))) {
      const end = typeof place.end === 'function' ? place.end(fault) : place.end
      test(`${place.name} that ${fault.name}: ${end.name}`, t => testFault(t, place, fault, end))
    }
  }
}

async function testFault (t: Test, place: Place, fault: Fault, end: End): Promise<void> {
  const watch = new Watch(t)
  let fails = false
  let failures = 0
  const code: Code = work => {
    if (!fails) return work?.()
    failures++
    return fault.fail()
  }
  const app = createApp(t, {}, place.server?.(code))
  place.declare(app, code)
  const { port, open } = await listenTo(t, app)
  const bystander = await open()
  t.equal(await echo(bystander), 'x', 'the bystander before')

  const client = new RawClient(port)
  t.teardown(() => client.destroy())
  // However the test ends: the app is to close.
  t.teardown(() => { fails = false })
  fails = place.worksAtFirst !== true
  client.write(handshake(FAILING_URL, { Origin: 'http://localhost' }))
  if (place.early !== undefined) client.write(place.early)
  await watch.during(end.see({
    t,
    app,
    client,
    async open () {
      t.equal((await client.response()).status, 101)
      await watch.until(() => app.sockets.stats().opened === 2)
      fails = true
      place.provoke?.(client)
    },
    failed: () => watch.until(() => failures > 0),
    until: isTrue => watch.until(isTrue)
  }))
  fails = false
  await watch.until(() => app.sockets.size === 1)
  t.equal(await watch.during(echo(bystander)), 'x', 'the bystander after')
  // A rejection that nobody takes is known a turn later.
  await watch.during(turn())
  t.ok(failures > 0, 'the user code has failed')
}

/** What a client gets back for a message. */
async function echo (client: RawClient): Promise<string> {
  client.send(TEXT, '"x"')
  let frame = await client.frame()
  while (frame.opcode !== TEXT) frame = await client.frame()
  return JSON.parse(frame.payload.toString())
}

/** The next close frame, whatever comes before it. */
async function nextClose (client: RawClient): Promise<{ code: number, reason: string }> {
  let frame = await client.frame()
  while (frame.opcode !== CLOSE) frame = await client.frame()
  const { payload } = frame
  if (payload.length === 0) return { code: 1005, reason: '' }
  return { code: payload.readUInt16BE(), reason: payload.toString('utf8', 2) }
}
