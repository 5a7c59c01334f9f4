import { test } from 'tap'
import type { Example } from '../support/example.ts'
import { until } from '../support/until.ts'
import { Client, refusal, start } from './support.ts'

interface Metrics {
  contentType: string | null
  /** By name. */
  types: Record<string, string>
  /** By name and labels, as they are written. */
  values: Record<string, number>
}

async function scrape (example: Example): Promise<Metrics> {
  const response = await fetch(`${example.url}/metrics`)
  const text = await response.text()
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type])
  const values = [...text.matchAll(/^([a-z].*) (\S+)$/gm)].map(([, sample, value]) => [sample, Number(value)])
  return {
    contentType: response.headers.get('content-type'),
    types: Object.fromEntries(types),
    values: Object.fromEntries(values)
  }
}

/** The figures that come from `app.sockets.stats()`. */
function figures ({ values }: Metrics): Record<string, number | undefined> {
  const names = [
    'connections', 'connections_paused', 'buffered_bytes', 'opened_total', 'refused_total', 'closed_total',
    'received_messages_total', 'sent_messages_total', 'dropped_messages_total', 'received_bytes_total', 'sent_bytes_total'
  ]
  return Object.fromEntries(names.map(name => [name, values[`websocket_${name}{route="/rooms/:room"}`]]))
}

/** The same of a topic. */
function topicFigures ({ values }: Metrics): Record<string, number | undefined> {
  const names = [
    'topics', 'subscriptions', 'published_messages_total', 'missed_messages_total', 'recovered_subscriptions_total',
    'lost_subscriptions_total'
  ]
  return Object.fromEntries(names.map(name => [name, values[`websocket_${name}{topic="/rooms/:room"}`]]))
}

test('prometheus: the figures of each route and topic, totals as counters, ends by code and connections by duration', async t => {
  const example = await start(t, 'prometheus')
  const none = {
    connections: 0, connections_paused: 0, buffered_bytes: 0, opened_total: 0, refused_total: 0, closed_total: 0,
    received_messages_total: 0, sent_messages_total: 0, dropped_messages_total: 0, received_bytes_total: 0, sent_bytes_total: 0
  }
  const first = await scrape(example)
  t.match(first.contentType, 'text/plain')
  t.match(first.types, {
    websocket_connections: 'gauge',
    websocket_buffered_bytes: 'gauge',
    websocket_opened_total: 'counter',
    websocket_sent_bytes_total: 'counter',
    websocket_close_codes_total: 'counter',
    websocket_connection_duration_seconds: 'histogram'
  })
  t.same(figures(first), none, 'a route has its figures before its first connection')
  const noTopics = {
    topics: 0, subscriptions: 0, published_messages_total: 0, missed_messages_total: 0, recovered_subscriptions_total: 0,
    lost_subscriptions_total: 0
  }
  t.same(topicFigures(first), noTopics)
  t.match(first.types, { websocket_subscriptions: 'gauge', websocket_published_messages_total: 'counter' })

  const clients = [await Client.open(example, '/rooms/tea'), await Client.open(example, '/rooms/coffee')]
  for (const client of clients) {
    client.socket.send('hello')
    t.equal(await client.next(), 'hello')
  }
  t.equal(await refusal(example, '/rooms/tea', { origin: 'http://elsewhere.example' }), 403)

  const open = {
    ...none, connections: 2, opened_total: 2, refused_total: 1,
    received_messages_total: 2, sent_messages_total: 2, received_bytes_total: 2 * (6 + 5), sent_bytes_total: 2 * (2 + 5)
  }
  t.same(figures(await scrape(example)), open)
  for (const metrics of await Promise.all([scrape(example), scrape(example)])) {
    t.same(figures(metrics), open, 'asked again, and by two at a time, it says the same')
    t.same(topicFigures(metrics), { ...noTopics, topics: 2, subscriptions: 2, published_messages_total: 2 })
  }

  clients[0]!.socket.close(1000)
  clients[1]!.socket.close(4321)
  let last = await scrape(example)
  await until(async () => {
    last = await scrape(example)
    return figures(last).closed_total === 2
  })
  const closing = { received_bytes_total: open.received_bytes_total + 2 * (6 + 2), sent_bytes_total: open.sent_bytes_total + 2 * (2 + 2) }
  t.same(figures(last), { ...open, connections: 0, closed_total: 2, ...closing })
  t.same(topicFigures(last), { ...noTopics, published_messages_total: 2 })
  const codes = Object.entries(last.values).filter(([sample]) => sample.startsWith('websocket_close_codes_total'))
  t.same(Object.fromEntries(codes), {
    'websocket_close_codes_total{route="/rooms/:room",code="1000"}': 1,
    'websocket_close_codes_total{route="/rooms/:room",code="4xxx"}': 1
  })
  t.equal(last.values['websocket_connection_duration_seconds_count{route="/rooms/:room"}'], 2)
  t.equal(last.values['websocket_connection_duration_seconds_bucket{le="60",route="/rooms/:room"}'], 2)
  t.ok(last.values['websocket_connection_duration_seconds_sum{route="/rooms/:room"}']! > 0)
})
