import { original, OFFER, RSV1 } from '../../support/deflate.ts'
import { TEXT } from '../../support/opcodes.ts'
import type { RawClient } from '../../support/raw-client.ts'
import { dialectOf } from '../dialect.ts'
import { isJson, type News, newsOf } from '../news.ts'
import type { ServerProcess } from '../server-process.ts'
import { LEAVE, PUBLISH, SUBSCRIBE, type TopicPlan, topicsByConnection, topicsOfBatch } from '../topic-plan.ts'
import { expect, expectFrame, open } from './client.ts'

/** That all get what any of them asks for. */
export async function checkFanOut (server: ServerProcess, load: News): Promise<void> {
  const headers = isJson(load) ? OFFER : undefined
  const clients = await Promise.all([1, 2, 3].map(() => open(server, load, { headers })))
  for (const client of clients) {
    client.send(TEXT, dialectOf(server.spec).command('go'))
    for (const other of clients) await expectNews(server, other, load)
  }
  await destroy(clients)
}

/** That there is an echo beside the fan-out. */
export async function checkEchoBeside (server: ServerProcess, load: object): Promise<void> {
  const client = await open(server, load, { path: '/echo' })
  const text = dialectOf(server.spec).echo('x')
  client.send(TEXT, text)
  expectFrame(await client.frame(), TEXT, Buffer.from(text))
  await client.destroy()
}

/** That each gets what it has subscribed to, each message once, and nothing more when it has left. */
export async function checkTopics (server: ServerProcess, load: TopicPlan & News, leaves: boolean): Promise<void> {
  const clients = await Promise.all([0, 1].map(number => open(server, load, { number })))
  const tell = (text: string): void => { clients[0]!.send(TEXT, dialectOf(server.spec).command(text)) }
  const topics = topicsByConnection(load)
  tell(SUBSCRIBE)
  expect((await clients[0]!.frame()).opcode, TEXT)
  for (let batch = 0; batch < load.topics / load.batch; batch++) {
    tell(`${PUBLISH} ${batch}`)
    const published = topicsOfBatch(load, batch)
    for (const [n, client] of clients.entries()) {
      for (const topic of topics[n]!) if (published.includes(topic)) await expectNews(server, client, load)
    }
  }
  expect(clients.map(({ received }) => received.length), [0, 0])
  if (leaves) {
    tell(LEAVE)
    expect((await clients[0]!.frame()).payload.includes('done'), true)
    for (let batch = 0; batch < load.topics / load.batch; batch++) tell(`${PUBLISH} ${batch}`)
    tell(LEAVE)
    expect((await clients[0]!.frame()).payload.includes('done'), true)
  }
  await destroy(clients)
}

async function expectNews ({ spec }: ServerProcess, client: RawClient, news: News): Promise<void> {
  const frame = await client.frame()
  expect([frame.fin, frame.opcode, frame.rsv], [true, TEXT, isJson(news) ? RSV1 : 0])
  const text = original(frame).toString()
  const expected = newsOf(news).map(one => dialectOf(spec).delivery(one, isJson(news)))
  if (!expected.includes(text)) throw new Error(`that is not what was published: ${text}`)
}

async function destroy (clients: RawClient[]): Promise<void> {
  await Promise.all(clients.map(client => client.destroy()))
}
