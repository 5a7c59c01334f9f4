import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type {
  CloseMessage, ErrorMessage, HandshakeMessage, MessageInMessage, MessageOutMessage, OpenMessage, PublishMessage, RefusalMessage,
  SubscribeMessage, UnsubscribeMessage
} from 'fastify-sockets'
import type { Test } from 'tap'

interface Messages {
  handshake: HandshakeMessage
  refusal: RefusalMessage
  open: OpenMessage
  'message.in': MessageInMessage
  'message.out': MessageOutMessage
  error: ErrorMessage
  close: CloseMessage
  publish: PublishMessage
  subscribe: SubscribeMessage
  unsubscribe: UnsubscribeMessage
}

/** What is published on a channel until the test ends. */
export function heard<Name extends keyof Messages> (t: Test, name: Name): Array<Messages[Name]> {
  const messages: Array<Messages[Name]> = []
  const listener = (message: unknown): void => { messages.push(message as Messages[Name]) }
  subscribe(`fastify-sockets.${name}`, listener)
  t.teardown(() => unsubscribe(`fastify-sockets.${name}`, listener))
  return messages
}
