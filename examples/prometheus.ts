/*
 * Metrics for Prometheus, by route. The plugin's own counts are read when Prometheus asks for them, and cost nothing in
 * between; the ends of connections are counted as they happen.
 *
 *   node dist/examples/prometheus.js
 *   npx wscat --connect ws://127.0.0.1:3000/rooms/tea
 *   curl http://127.0.0.1:3000/metrics
 *
 * Send something and ask again; then leave wscat and ask once more.
 */
import { subscribe } from 'node:diagnostics_channel'
import Fastify from 'fastify'
import sockets, { type CloseMessage, type SocketFigures } from 'fastify-sockets'
import { Counter, Gauge, Histogram, register } from 'prom-client'

type Figure = keyof SocketFigures

const GAUGES: ReadonlyArray<[name: string, figure: Figure, help: string]> = [
  ['websocket_connections', 'open', 'Connections that are open or closing'],
  ['websocket_connections_paused', 'paused', 'Connections whose client has to wait before more is read'],
  ['websocket_buffered_bytes', 'bufferedAmount', 'Bytes that wait to be written']
]

const COUNTERS: ReadonlyArray<[name: string, figure: Figure, help: string]> = [
  ['websocket_opened_total', 'opened', 'Handshakes that became connections'],
  ['websocket_refused_total', 'refused', 'Handshakes that did not'],
  ['websocket_closed_total', 'closed', 'Connections that have ended'],
  ['websocket_received_messages_total', 'messagesIn', 'Messages from clients'],
  ['websocket_sent_messages_total', 'messagesOut', 'Messages to clients'],
  ['websocket_dropped_messages_total', 'dropped', 'Messages dropped because a client read too slowly'],
  ['websocket_received_bytes_total', 'bytesIn', 'Bytes from clients, on the wire'],
  ['websocket_sent_bytes_total', 'bytesOut', 'Bytes to clients, on the wire']
]

const app = Fastify({ logger: true })
app.register(sockets)

/** The route's URL as it was declared, not the request's: clients choose that, and each value is a time series. */
const labelNames = ['route'] as const

let reading: Array<[route: string, figures: SocketFigures]> | null = null

/** One reading for a whole scrape: stats() goes through all connections, and all metrics are collected in one go. */
function read (): Array<[route: string, figures: SocketFigures]> {
  if (reading === null) {
    reading = Object.entries(app.sockets.stats().routes)
    queueMicrotask(() => { reading = null })
  }
  return reading
}

for (const [name, figure, help] of GAUGES) {
  register.registerMetric(new Gauge({
    name, help, labelNames, registers: [],
    collect () {
      for (const [route, figures] of read()) this.set({ route }, figures[figure])
    }
  }))
}

for (const [name, figure, help] of COUNTERS) {
  register.registerMetric(new Counter({
    name, help, labelNames, registers: [],
    // A Counter has no set(), so it is reset and counted up again for each scrape; nobody sees it in between. A Gauge would
    // have the wrong type for Prometheus.
    collect () {
      this.reset()
      for (const [route, figures] of read()) this.inc({ route }, figures[figure])
    }
  }))
}

const codes = new Counter({
  name: 'websocket_close_codes_total',
  help: 'Connections that have ended, by close code',
  labelNames: ['route', 'code']
})

const durations = new Histogram({
  name: 'websocket_connection_duration_seconds',
  help: 'How long connections were open',
  labelNames,
  buckets: [1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600]
})

/** From 3000 on, clients may invent codes (RFC 6455 §7.4.2). They are counted together, to keep the labels few. */
function codeLabel (code: number): string {
  return code < 3000 ? String(code) : `${String(code)[0]}xxx`
}

// Channels belong to the process: with several servers in it, this hears all of them.
subscribe('fastify-sockets.close', message => {
  const { socket, info, duration } = message as CloseMessage
  const route = socket.request.routeOptions.url!
  codes.inc({ route, code: codeLabel(info.code) })
  durations.observe({ route }, duration / 1000)
})

app.get('/rooms/:room', { ws: true }, socket => {
  socket.on('message', message => { socket.send(message) })
})

app.get('/metrics', async (_request, reply) => {
  reply.type(register.contentType)
  return register.metrics()
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
