import type { Published, PublishOptions } from '../../types/topics.ts'
import { FST_ERR_WS_NOT_OPEN, FST_ERR_WS_TOPIC_OPTION } from '../errors.ts'
import { type LiveSocket, PublicLiveSocket } from '../live/live-socket.ts'
import { shown } from '../live/log.ts'
import { Answer } from '../socket/answer.ts'
import type { Hub } from './hub.ts'
import { checkName } from './name.ts'
import type { Policy } from './policy.ts'
import { type Publication, ValuePublication } from './publication.ts'
import type { DeclaredTopic } from './topic.ts'

/** Publishes to a declared topic. */
export function publish (topic: DeclaredTopic, params: unknown, message: unknown, options?: PublishOptions): Answer<Published> {
  return Answer.of(() => {
    const name = topic.nameOf(params)
    return publishTo(topic.hub, name, topic, except => topic.publication(message, except), options)
  }, topic.report)
}

/** Publishes to a name that was not declared. */
export function publishByName (hub: Hub, name: string, message: unknown, options?: PublishOptions): Answer<Published> {
  return Answer.of(() => {
    checkName(name)
    return publishTo(hub, name, hub.undeclared, except => new ValuePublication(message, except), options)
  }, reporterOf(hub, name))
}

function reporterOf (hub: Hub, name: unknown): (error: unknown) => void {
  return error => hub.report(error, nameForLog(name))
}

async function publishTo (
  hub: Hub, name: string, policy: Policy, make: (except: string | null) => Publication, options: PublishOptions | undefined
): Promise<Published> {
  const { except, from, id } = options ?? {}
  const left = except === undefined || typeof except === 'string' ? null : insideOf('except', except, 'a name, or a socket of a WebSocket route')
  if (id !== undefined && typeof id !== 'string') throw new FST_ERR_WS_TOPIC_OPTION('id', 'a string')
  const publisher = from === undefined ? left : insideOf('from', from, 'a socket of a WebSocket route')
  const permission = publisher === null ? null : publisher.topics.mayPublish()
  if (permission === false) {
    if (publisher!.connection.isOpen) publisher!.closeForRate('limits.publishesPerSecond', 'too many messages published a second')
    throw new FST_ERR_WS_NOT_OPEN('publish()')
  }
  if (permission !== null) await permission
  const leftOut = left === null ? except as string | undefined ?? null : left.topics.nameIn(hub.find(name))
  return hub.publish(name, policy, make(leftOut), id)
}

function insideOf (option: string, socket: unknown, expected: string): LiveSocket {
  const inside = PublicLiveSocket.insideOf(socket)
  if (inside === null) throw new FST_ERR_WS_TOPIC_OPTION(option, expected)
  return inside
}

/** What is no name may be anything: an object might throw where it is made text. */
function nameForLog (name: unknown): string {
  return typeof name === 'object' || typeof name === 'function' ? '' : shown(String(name))
}
