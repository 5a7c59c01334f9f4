import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { TEXT } from '../../support/opcodes.ts'
import { dialectOf } from '../dialect.ts'
import type { RemoteLoad } from '../loads/backplane.ts'
import type { ServerProcess } from '../server-process.ts'
import { stamped } from '../stamped.ts'
import { SUBSCRIBE, topicsByConnection } from '../topic-plan.ts'
import { expect, open } from './client.ts'

/** That what one process publishes comes to the subscribers of the other one, each message once, with a position if it is kept. */
export async function checkRemote (server: ServerProcess, load: RemoteLoad): Promise<void> {
  const numbers = load.topics === 1 ? [0] : [0, 1]
  const clients = await Promise.all(numbers.map(number => open(server, load, { number })))
  const dialect = dialectOf(server.spec)
  clients[0]!.send(TEXT, dialect.command(SUBSCRIBE))
  expect((await clients[0]!.frame()).opcode, TEXT)
  await wait(300)
  const publisher = connect({ port: await server.company.other.publisher(), host: '127.0.0.1' })
  for (let left = load.topics; left > 0; left -= 100) publisher.write(Uint8Array.of(Math.min(100, left)))
  const plan = topicsByConnection(load)
  for (const number of numbers) {
    const client = clients[number]!
    for (let n = 0; n < plan[number]!.length; n++) {
      const text = (await client.frame()).payload.toString()
      const { sent } = JSON.parse(/\{.*?\}/.exec(text)![0])
      const bare = dialect.delivery(JSON.stringify({ ...stamped(load.size), sent }), true)
      const hasPosition = text !== bare
      expect([text.slice(0, 100), hasPosition], [bare.slice(0, 100), load.history !== null])
    }
    expect(client.received.length, 0)
  }
  publisher.destroy()
  await Promise.all(clients.map(client => client.destroy()))
}
