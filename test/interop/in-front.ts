import type { FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import { type ClientOptions, WebSocket } from 'ws'
import { startBridge } from './connect-bridge.ts'
import { type Change, type ProxyName, startProxy } from './proxy.ts'

/** A proxy, and which version of HTTP is spoken on either side of it. */
export interface Way {
  name: string
  proxy: ProxyName
  /** The client asks by extended CONNECT. */
  http2?: true
  /** So does the proxy. */
  server?: FastifyServerOptions & { http2: true }
}

/** What stands in front of a server, ready to be asked. */
export async function inFront (t: Test, { proxy, http2, server }: Way, port: number, changes: Change[] = []) {
  const backend: Change[] = server === undefined ? [] : [['app1 127.0.0.1:3000', 'app1 127.0.0.1:3000 proto h2']]
  const running = await startProxy(t, proxy, port, [...changes, ...backend])
  const host = `127.0.0.1:${running.port}`
  const url = http2 ? await startBridge(t, `https://${host}`) : `wss://${host}`
  return {
    ...running,
    /** As the proxy's clients know it. */
    host,
    /** Where the WebSockets of this way are to be had. */
    url,
    start: (path: string, options: ClientOptions = {}) => {
      const client = new WebSocket(url + path, { rejectUnauthorized: false, ...options })
      t.teardown(() => client.terminate())
      // Who waits for one of its events hears of it.
      client.on('error', () => {})
      return client
    }
  }
}
