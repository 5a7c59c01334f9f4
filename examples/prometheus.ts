/*
 * Metrics for Prometheus, by route and by topic. The plugin's own counts are read when Prometheus asks for them, and cost nothing in
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
import sockets, { type CloseMessage, type SocketFigures, type SocketStats, type TopicFigures } from 'fastify-sockets'
import { Counter, Gauge, Histogram, register } from 'prom-client'

const GAUGES: ReadonlyArray<[name: string, figure: keyof SocketFigures, help: string]> = [
  ['websocket_connections', 'open', 'Connections that are open or closing'],
  ['websocket_connections_paused', 'paused', 'Connections whose client has to wait before more is read'],
  ['websocket_buffered_bytes', 'bufferedAmount', 'Bytes that wait to be written']
]

const COUNTERS: ReadonlyArray<[name: string, figure: keyof SocketFigures, help: string]> = [
  ['websocket_opened_total', 'opened', 'Handshakes that became connections'],
  ['websocket_refused_total', 'refused', 'Handshakes that did not'],
  ['websocket_closed_total', 'closed', 'Connections that have ended'],
  ['websocket_received_messages_total', 'messagesIn', 'Messages from clients'],
  ['websocket_sent_messages_total', 'messagesOut', 'Messages to clients'],
  ['websocket_dropped_messages_total', 'dropped', 'Messages dropped because a client read too slowly'],
  ['websocket_received_bytes_total', 'bytesIn', 'Bytes from clients, on the wire'],
  ['websocket_sent_bytes_total', 'bytesOut', 'Bytes to clients, on the wire']
]

const TOPIC_GAUGES: ReadonlyArray<[name: string, figure: keyof TopicFigures, help: string]> = [
  ['websocket_topics', 'topics', 'Topics that somebody is subscribed to'],
  ['websocket_subscriptions', 'subscriptions', 'Subscriptions to them']
]

const TOPIC_COUNTERS: ReadonlyArray<[name: string, figure: keyof TopicFigures, help: string]> = [
  ['websocket_published_messages_total', 'published', 'Messages that were published'],
  ['websocket_missed_messages_total', 'dropped', 'Messages that a subscriber missed because it read too slowly'],
  ['websocket_recovered_subscriptions_total', 'recovered', 'Subscriptions that began with everything that was missed'],
  ['websocket_lost_subscriptions_total', 'lost', 'Times that a subscriber could not be given what it had missed']
]

const app = Fastify({ logger: true })
app.register(sockets)

let reading: SocketStats | null = null

/** One reading for a whole scrape: stats() goes through all connections, and all metrics are collected in one go. */
function read (): SocketStats {
  if (reading === null) {
    reading = app.sockets.stats()
    queueMicrotask(() => { reading = null })
  }
  return reading
}

/*
 * The labels are URLs as they were declared, not those of requests and not the names of topics: clients choose those, and each
 * value is a time series. All names that were not declared share the label ''.
 */

function gauge (name: string, help: string, label: string, values: () => Array<[label: string, value: number]>): void {
  register.registerMetric(new Gauge({
    name, help, labelNames: [label], registers: [],
    collect () {
      for (const [of, value] of values()) this.set({ [label]: of }, value)
    }
  }))
}

function counter (name: string, help: string, label: string, values: () => Array<[label: string, value: number]>): void {
  register.registerMetric(new Counter({
    name, help, labelNames: [label], registers: [],
    // A Counter has no set(), so it is reset and counted up again for each scrape; nobody sees it in between. A Gauge would
    // have the wrong type for Prometheus.
    collect () {
      this.reset()
      for (const [of, value] of values()) this.inc({ [label]: of }, value)
    }
  }))
}

const routes = (figure: keyof SocketFigures) => () => {
  return Object.entries(read().routes).map(([url, figures]): [string, number] => [url, figures[figure]])
}
const topics = (figure: keyof TopicFigures) => () => {
  return Object.entries(read().topics).map(([url, figures]): [string, number] => [url, figures[figure]])
}
for (const [name, figure, help] of GAUGES) gauge(name, help, 'route', routes(figure))
for (const [name, figure, help] of COUNTERS) counter(name, help, 'route', routes(figure))
for (const [name, figure, help] of TOPIC_GAUGES) gauge(name, help, 'topic', topics(figure))
for (const [name, figure, help] of TOPIC_COUNTERS) counter(name, help, 'topic', topics(figure))

const codes = new Counter({
  name: 'websocket_close_codes_total',
  help: 'Connections that have ended, by close code',
  labelNames: ['route', 'code']
})

const durations = new Histogram({
  name: 'websocket_connection_duration_seconds',
  help: 'How long connections were open',
  labelNames: ['route'],
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

const rooms = app.topic('/rooms/:room')

app.get<{ Params: { room: string } }>('/rooms/:room', { ws: true }, async (socket, { params }) => {
  await socket.subscribe(rooms, params)
  for await (const message of socket) await rooms.publish(params, message)
})

app.get('/metrics', async (_request, reply) => {
  reply.type(register.contentType)
  return register.metrics()
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
