import type { Test } from 'tap'
import { createDial } from '../../lib/client-node/dial.ts'
import { clientOver } from '../../lib/client/client.ts'
import { dialWebSocket } from '../../lib/client/web-line.ts'
import type { ClientOptions, ClientSocket } from '../../lib/client/types.ts'
import { until } from '../support/until.ts'
import { WebSocket } from '../support/web-socket.ts'

/** Deno and Bun, which run the files for browsers by their own WebSocket. */
const isBrowserLike = 'Deno' in globalThis || 'Bun' in globalThis
// Node 20 has none of its own, and what Node 22 has is tested by `interop/`.
if (!isBrowserLike) Object.assign(globalThis, { WebSocket })

/** What `fastify-sockets/client` does in browsers. */
export const PURE = { name: 'pure', dial: dialWebSocket }
/** The same in Node. */
export const NODE = { name: 'node', dial: createDial() }

export type Build = typeof PURE

/** What this runtime runs. */
export const BUILDS = isBrowserLike ? [PURE] : [PURE, NODE]

/** As `connect` takes them, whatever the types of a route. */
export interface ConnectOptions extends ClientOptions {
  /** In place of that of the address. */
  route?: string
  params?: unknown
  query?: unknown
  headers?: unknown
}

/** Attempts come soon, as far as the test says nothing else. */
const SOON = { min: 1, max: 5, spread: 1 }

/** A socket of a build, which closes when the test ends. */
export function connect (t: Test, build: Build, address: string, { route, reconnect = SOON, heartbeat = false, closeTimeout = 100, ...options }: ConnectOptions = {}): ClientSocket<any, any> {
  const url = address.replace(/^\w+:\/\/[^/]+/, '')
  const base = address.slice(0, address.length - url.length)
  const socket = clientOver(build.dial, base).connect(route ?? (url || '/'), { reconnect, heartbeat, closeTimeout, ...options } as object)
  t.teardown(async () => {
    void socket.close()
    await until(() => socket.state === 'closed')
  })
  return socket
}
