/**
 * A program of its own, for its event loop is what is measured: serves routes of every kind, and one for a client that
 * keeps the rules. Its options are the defaults, and compression.
 */
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import type { default as Plugin, Socket } from 'fastify-sockets'
import { parse } from 'secure-json-parse'
import { serverOptions } from '../support/transport.ts'
import { largeMessages } from './floods.ts'
import { between, Probe, tick } from './probe.ts'

/** A build to be measured in place of this one, which must not be loaded then. */
const build = process.argv[2] ?? 'fastify-sockets'
const { default: sockets }: { default: typeof Plugin } = await import(build)

type AnySocket = Socket<any, any>

/** How long a handler of `/late` lets messages wait. */
const LATE = 150

const app = Fastify(serverOptions) as unknown as FastifyInstance
app.register(sockets, { deflate: true })

const ignore = (): void => {}
const listener = (socket: AnySocket): void => { socket.on('message', ignore) }
const loop = async (socket: AnySocket): Promise<void> => { for await (const _message of socket) ignore() }
const late = (socket: AnySocket): void => { setTimeout(listener, LATE, socket) }
const slow = async (socket: AnySocket): Promise<void> => { for await (const _message of socket) await turn() }

const raw: Record<string, (socket: AnySocket) => unknown> = {
  '/listener': listener,
  '/loop': loop,
  '/echo': socket => { socket.on('message', message => { socket.send(message) }) },
  '/loop-echo': async socket => { for await (const message of socket) socket.send(message) },
  '/late': late,
  '/slow': slow,
  '/closed' (socket) {
    listener(socket)
    void socket.close()
  }
}
for (const [url, handler] of Object.entries(raw)) app.get(url, { ws: true }, handler)
// For the client that keeps the rules, however long it has to wait for the others: when it was its turn.
app.get('/other', { ws: { heartbeat: false } }, socket => {
  socket.on('message', () => { socket.send(String(tick().at)) })
})
app.get('/paused', { ws: { limits: { messagesPerSecond: 100_000, over: 'pause' } } }, listener)

for (const [url, handler] of Object.entries({ listener, loop, late, slow })) {
  app.get(`/json/${url}`, { ws: true, schema: { message: {} } }, handler)
}
app.get('/json/attached', { ws: true, schema: { message: { type: 'number' } }, attachValidation: true }, listener)
const answered = { onInvalidMessage: (_error: unknown, socket: AnySocket) => { socket.send('no') } }
for (const [url, handler] of Object.entries({ listener, loop })) {
  app.get(`/refused/${url}`, { ws: answered, schema: { message: { type: 'number' } } }, handler)
}

const probe = new Probe()
const answers: Record<string, () => unknown> = {
  restart () { probe.restart() },
  ticks: () => probe.take(),
  size: () => app.sockets.size,
  /** Milliseconds that the parser alone takes for a message of `maxPayload`, at most. */
  parse: () => Math.max(...largeMessages.map(make => {
    const text = make().toString()
    const start = tick()
    parse(text, { protoAction: 'remove', constructorAction: 'remove' })
    return between(start, tick())
  }))
}
process.on('message', (name: string) => { process.send!(answers[name]!() ?? null) })
process.on('disconnect', () => process.exit())
await app.listen({ port: 0, host: '127.0.0.1' })
process.send!((app.server.address() as AddressInfo).port)
