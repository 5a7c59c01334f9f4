import type { Msg } from '@nats-io/transport-node'
import type { Call, Link } from '../../lib/nats/link.ts'
import { settle } from '../../lib/nats/options.ts'
import { Subjects } from '../../lib/nats/subjects.ts'

export const settings = settle({}, { prefix: 'p', margin: 400 })
export const subjects = new Subjects('p')

/** A message as the server sends it. */
export function message (data: unknown, values: Record<string, string> = {}, code = 0, reply = ''): Msg {
  const bytes = data instanceof Uint8Array ? data : Buffer.from(data === '' ? '' : JSON.stringify(data))
  return { data: bytes, subject: 's', reply, headers: { code, last: (name: string) => values[name] } } as unknown as Msg
}

export const created = (config: object) => message({ created: '2026-11-30T00:00:00Z', config: { num_replicas: 1, ...config } })
export const refused = (code: number, description: string) => message({ error: { err_code: code, description } })
export const stored = (seq: number, data: Uint8Array, time = Date.now()) => {
  return message(data, { 'Nats-Subject': 's', 'Nats-Sequence': String(seq), 'Nats-Time-Stamp': new Date(time).toISOString() })
}

export type Answer = (subject: string, body: Record<string, never>) => Msg | Error | Promise<Msg>

/** A connection whose server answers as a test says. */
export function fakeLink (answer: Answer) {
  const lost: Error[] = []
  const subscribed = new Map<string, (message: Msg) => void>()
  const request = async (subject: string, bytes: Uint8Array = new Uint8Array(0)) => {
    const found = await answer(subject, bytes[0] === 123 ? JSON.parse(Buffer.from(bytes).toString()) as Record<string, never> : {})
    if (found instanceof Error) throw found
    return found
  }
  const publish = async (subject: string, bytes: Uint8Array, call: Call | null) => {
    try {
      const reply = await request(subject, bytes)
      call?.onReply(reply)
    } catch (error) {
      call?.onFailed(error as Error)
    }
  }
  const link = {
    request,
    publish: (subject: string, bytes: Uint8Array, call: Call | null = null) => { void publish(subject, bytes, call) },
    converse: (subject: string, bytes: Uint8Array, call: Call) => { void publish(subject, bytes, call) },
    subscribe: (subject: string, onMessage: (message: Msg) => void) => {
      subscribed.set(subject, onMessage)
      return { unsubscribe () {} }
    },
    lose: (error: Error) => { lost.push(error) }
  }
  return { link: link as unknown as Link, lost, subscribed }
}
