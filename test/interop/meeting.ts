import { createHash } from 'node:crypto'
import type { Test } from 'tap'
import type { Seen, Server } from './server.ts'
import { type Abilities, type Client, type Content, contentOf, type Message, type Report, type Visit } from './visit.ts'

const TIMEOUT = 15_000

/** Both sides of one visit. */
export interface Meeting {
  report: Report
  seen: Seen
}

export type Meet = (path: string, visit: Visit) => Promise<Meeting>

/** Something that a client must be able to do with our server. */
export interface Check {
  name: string
  /** It is not run for a client that cannot do this. */
  needs?: keyof Abilities
  run (t: Test, meet: Meet, client: Client): Promise<unknown>
}

/** Has the client visit the server. */
export function meeting (server: Server, client: Client): Meet {
  let visits = 0
  return async (path, visit) => {
    const id = ++visits
    const url = new URL(path, server.url)
    url.searchParams.set('visit', String(id))
    let timer
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`${path}: a side has not seen the end of the connection`)), TIMEOUT)
    })
    const both = Promise.all([client.visit(url.href, visit), server.seen(id)])
    try {
      const [report, seen] = await Promise.race([both, late])
      if (seen.httpVersion !== server.httpVersion) throw new Error(`${path}: it came over HTTP/${seen.httpVersion}`)
      return { report, seen }
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Sends messages to a route that echoes: both sides must get them as they were sent, and the client closes. */
export async function echoes (
  t: Test, meet: Meet, send: Message[], path = '/echo', visit: Visit = {}
): Promise<Meeting> {
  const { report, seen } = await meet(path, { ...visit, send, close: { code: 1000 } })
  const sent = send.map(message => short(contentOf(message)))
  t.strictSame(seen.messages.map(short), sent, 'the server got the messages')
  t.strictSame(report.received.map(short), sent, 'the client got the replies')
  t.equal(report.close?.code, 1000)
  t.match(seen.close, { code: 1000, wasClean: true, initiator: 'remote' })
  return { report, seen }
}

/** So that a failure does not print megabytes. */
function short ({ kind, data }: Content): string {
  if (data.length < 200) return `${kind}: ${data}`
  return `${kind} of ${data.length}: ${data.slice(0, 20)}… ${createHash('sha256').update(data).digest('hex')}`
}
