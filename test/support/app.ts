import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import sockets, { type PluginOptions } from 'fastify-sockets'
import type { Test } from 'tap'
import { type ClientOptions, WebSocket } from 'ws'
import { clientPeer } from './client-peer.ts'
import { connectTransport, serverOptions, TRANSPORT, type TransportOptions } from './transport.ts'

/** A log line as pino writes it. */
export type LogLine = Record<string, any>

/**
 * An app with the plugin registered, closed when the test ends, by which time no socket is worth waiting for; `lines`
 * collects its log lines.
 */
export function createApp (t: Test, options: PluginOptions = {}, server: FastifyServerOptions = {}): FastifyInstance & { lines: LogLine[] } {
  const lines: LogLine[] = []
  const app = Fastify({
    logger: { level: 'trace', stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } },
    ...serverOptions,
    ...server
  } as FastifyServerOptions) as unknown as FastifyInstance
  app.register(sockets, options)
  t.teardown(() => {
    for (const socket of app.sockets ?? []) socket.terminate()
    return app.close()
  })
  return Object.assign(app, { lines })
}

/** Listens on a free port of 127.0.0.1 and returns it. */
export async function listen (app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

/** A real client, connected: that of `ws`, or ours where `TEST_TRANSPORT` is `client`. */
export async function connect (port: number, url: string, options: ClientOptions = {}): Promise<WebSocket> {
  const createConnection: any = (to: TransportOptions) => connectTransport(port, to)
  const address = `ws://127.0.0.1:${port}${url}`
  const client = TRANSPORT === 'client' ? clientPeer(address, options) : new WebSocket(address, { createConnection, ...options })
  await new Promise<void>((resolve, reject) => {
    client.once('open', resolve)
    client.once('error', reject)
  })
  return client
}

/** How a real client saw its connection end. */
export function clientClosed (client: WebSocket): Promise<{ code: number, reason: string }> {
  return new Promise(resolve => {
    client.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
}
