import createError from '@fastify/error'
import type { FastifyError } from '@fastify/error'
import { CloseCode } from './contract/close-code.ts'

/*
 * Every error of this package that user code can meet, except ProtocolError (`FST_ERR_WS_PROTOCOL`), which belongs to the
 * protocol.
 */

// Mistakes in the program, found at boot.

export const FST_ERR_WS_OPTION = createError<[name: string, expected: string]>(
  'FST_ERR_WS_OPTION', "the WebSocket option '%s' must be %s")

export const FST_ERR_WS_UNKNOWN_OPTION = createError<[name: string, known: string]>(
  'FST_ERR_WS_UNKNOWN_OPTION', "'%s' is not a WebSocket option; the options are: %s")

export const FST_ERR_WS_METHOD = createError<[url: string, method: string]>(
  'FST_ERR_WS_METHOD', "the WebSocket route '%s' must have the method GET, not %s (RFC 6455 section 4.1)")

export const FST_ERR_WS_HANDLER = createError<[url: string]>(
  'FST_ERR_WS_HANDLER', "the option 'ws.handler' of the route '%s' must be a function")

export const FST_ERR_WS_NOT_REGISTERED = createError<[what: string]>(
  'FST_ERR_WS_NOT_REGISTERED',
  '%s, but fastify-sockets is not registered in its scope: ' +
  'call app.register(sockets) on the instance that declares it, or on one of its parents')

export const FST_ERR_WS_ALREADY_REGISTERED = createError(
  'FST_ERR_WS_ALREADY_REGISTERED',
  'fastify-sockets is registered twice in one scope: register it once, and give a route its own options with ws: {…}')

export const FST_ERR_WS_TWO_VERSIONS = createError<[versions: string]>(
  'FST_ERR_WS_TWO_VERSIONS',
  'fastify-sockets %s are loaded in one process and would both serve this app: install one version (npm ls fastify-sockets shows who needs which)')

export const FST_ERR_WS_OTHER_OPTION = createError<[url: string, option: string, instead: string]>(
  'FST_ERR_WS_OTHER_OPTION',
  "the route '%s' has the option '%s' of @fastify/websocket, which is not registered in its scope: " +
  'write %s for fastify-sockets, or register @fastify/websocket as well')

export const FST_ERR_WS_TOPIC_URL = createError<[url: unknown]>(
  'FST_ERR_WS_TOPIC_URL',
  "'%s' is not the URL of a topic: it begins with '/', and a parameter is a whole segment with a name of its own, as in '/rooms/:room'")

export const FST_ERR_WS_TOPIC_TWICE = createError<[url: string, other: string]>(
  'FST_ERR_WS_TOPIC_TWICE',
  "the topics '%s' and '%s' are declared in one scope and could have the same name: declare one of them, and keep what app.topic() returns")

// Refused handshakes. The number is the status of the HTTP response.

export const FST_ERR_WS_LOADED_LATE = createError<[url: string]>(
  'FST_ERR_WS_LOADED_LATE',
  "the route '%s' was declared before fastify-sockets was loaded, so its option 'ws' was not seen: " +
  "import 'fastify-sockets' before Fastify() is called, or declare the route after await app.register(…)", 500)

export const FST_ERR_WS_HANDSHAKE = createError<[fault: string]>(
  'FST_ERR_WS_HANDSHAKE', 'invalid WebSocket handshake: %s', 400)

export const FST_ERR_WS_VERSION = createError<[fault: string]>(
  'FST_ERR_WS_VERSION', 'invalid WebSocket handshake: %s', 426)

export const FST_ERR_WS_UPGRADE_REQUIRED = createError<[url: string, advice: string]>(
  'FST_ERR_WS_UPGRADE_REQUIRED', "'%s' is a WebSocket route: %s", 426)

export const FST_ERR_WS_ORIGIN = createError<[origin: string]>(
  'FST_ERR_WS_ORIGIN', "the origin '%s' is not allowed here", 403)

export const FST_ERR_WS_SUBPROTOCOL = createError<[chosen: string, offered: string]>(
  'FST_ERR_WS_SUBPROTOCOL',
  "the function given as the WebSocket option 'protocols' must return false or an offered subprotocol, not %s; offered: %s", 500)

export const FST_ERR_WS_CLOSING = createError(
  'FST_ERR_WS_CLOSING', 'the server is shutting down', 503)

export const FST_ERR_WS_HANDSHAKE_TIMEOUT = createError<[milliseconds: number]>(
  'FST_ERR_WS_HANDSHAKE_TIMEOUT', 'the handshake took more than %d ms', 503)

export const FST_ERR_WS_FULL = createError(
  'FST_ERR_WS_FULL', 'there is no room for another connection; try again later', 503)

export const FST_ERR_WS_TOO_MANY = createError<[max: number, what: string]>(
  'FST_ERR_WS_TOO_MANY', 'at most %d %s from this address; try again later', 429)

// Messages and peers that a route refuses. `closeCode` is the code of the close frame.

class InvalidMessage extends createError<[text: string, options?: { cause: unknown }]>(
  'FST_ERR_WS_INVALID_MESSAGE', '%s', 400) {
  readonly closeCode: number = CloseCode.POLICY_VIOLATION
  /** What the validator reported, in its own format. */
  override readonly validation?: NonNullable<FastifyError['validation']>

  constructor (text: string, validation: FastifyError['validation'], cause?: unknown) {
    super(text, { cause })
    this.validation = validation
  }
}

class InvalidJson extends createError<[text: string, options?: { cause: unknown }]>(
  'FST_ERR_WS_INVALID_JSON', 'the message is not acceptable JSON: %s', 400) {
  readonly closeCode: number = CloseCode.INVALID_PAYLOAD
}

class UnsupportedData extends createError<[]>(
  'FST_ERR_WS_UNSUPPORTED_DATA', 'this route takes JSON in text messages, not binary messages', 400) {
  readonly closeCode: number = CloseCode.UNSUPPORTED_DATA
}

class SlowPeer extends createError<[maxBuffered: number]>(
  'FST_ERR_WS_SLOW_PEER', 'the peer reads too slowly: more than %d bytes (maxBuffered) would wait for it') {
  readonly closeCode: number = CloseCode.TRY_AGAIN_LATER
}

class Lagging extends createError<[topic: string]>(
  'FST_ERR_WS_LAGGING', "the peer reads too slowly for the topic '%s', and what it has missed cannot be sent any more") {
  readonly closeCode: number = CloseCode.TRY_AGAIN_LATER
}

class OverRate extends createError<[limits: string]>(
  'FST_ERR_WS_OVER_RATE', 'the peer sends more than %s allow') {
  readonly closeCode: number = CloseCode.TRY_AGAIN_LATER
}

class Lost extends createError<[topic: string]>(
  'FST_ERR_WS_LOST', "messages of the topic '%s' were lost on their way, and cannot be read any more") {
  readonly closeCode: number = CloseCode.TRY_AGAIN_LATER
}

class BackplaneFailed extends createError<[name: string, fault: string, options?: { cause: unknown }]>(
  'FST_ERR_WS_BACKPLANE', 'the backplane %s %s', 503) {
  readonly closeCode: number = CloseCode.TRY_AGAIN_LATER
}

export {
  InvalidMessage as FST_ERR_WS_INVALID_MESSAGE,
  InvalidJson as FST_ERR_WS_INVALID_JSON,
  UnsupportedData as FST_ERR_WS_UNSUPPORTED_DATA,
  SlowPeer as FST_ERR_WS_SLOW_PEER,
  Lagging as FST_ERR_WS_LAGGING,
  Lost as FST_ERR_WS_LOST,
  BackplaneFailed as FST_ERR_WS_BACKPLANE,
  OverRate as FST_ERR_WS_OVER_RATE
}

export const FST_ERR_WS_NO_PONG = createError<[milliseconds: number]>(
  'FST_ERR_WS_NO_PONG', 'the peer is gone: for %d ms it has neither answered a ping nor sent anything')

// Calls that fail.

export const FST_ERR_WS_SEND_TYPE = createError<[type: string]>(
  'FST_ERR_WS_SEND_TYPE',
  'send() takes a string or bytes (an ArrayBuffer or any view of one, such as a Buffer), not %s; declare schema.send to send JSON', 500, TypeError as ErrorConstructor)

export const FST_ERR_WS_INVALID_SEND = createError<[fault: string]>(
  'FST_ERR_WS_INVALID_SEND', 'the value given to send() does not fit schema.send: %s', 500, TypeError as ErrorConstructor)

export const FST_ERR_WS_SERIALIZER = createError<[schema: string, expected: string, type: string]>(
  'FST_ERR_WS_SERIALIZER', 'the serializer of %s must return %s, not %s', 500, TypeError as ErrorConstructor)

export const FST_ERR_WS_CLOSE_CODE = createError<[code: unknown]>(
  'FST_ERR_WS_CLOSE_CODE',
  'close code %s cannot be sent: use 1000-1003, 1007-1014 or 3000-4999 (RFC 6455 section 7.4)', 500, RangeError as ErrorConstructor)

export const FST_ERR_WS_CLOSE_REASON = createError<[type: string]>(
  'FST_ERR_WS_CLOSE_REASON', 'the close reason must be a string, not %s', 500, TypeError as ErrorConstructor)

export const FST_ERR_WS_EVENT = createError<[event: unknown, known: string]>(
  'FST_ERR_WS_EVENT', "'%s' is not an event of a socket; the events are: %s", 500, TypeError as ErrorConstructor)

export const FST_ERR_WS_LISTENER = createError<[event: string, type: string]>(
  'FST_ERR_WS_LISTENER', "a listener for '%s' must be a function, not %s", 500, TypeError as ErrorConstructor)

export const FST_ERR_WS_TWO_CONSUMERS = createError(
  'FST_ERR_WS_TWO_CONSUMERS', "a socket's messages go either to 'message' listeners or to one iterator, and this socket already has a consumer")

export const FST_ERR_WS_NOT_OPEN = createError<[call: string]>(
  'FST_ERR_WS_NOT_OPEN', '%s is no longer possible: the connection has ended')

export const FST_ERR_WS_ASYNC_VALIDATOR = createError<[schema: string, what: string]>(
  'FST_ERR_WS_ASYNC_VALIDATOR', '%s has an asynchronous validator, but %s are validated synchronously: await in the handler instead')

// Topics.

export const FST_ERR_WS_TOPIC_NOT_READY = createError<[url: string]>(
  'FST_ERR_WS_TOPIC_NOT_READY', "the topic '%s' cannot be used before the app is ready: wait for app.ready() or app.listen()")

export const FST_ERR_WS_TOPIC_NAME = createError<[max: number]>(
  'FST_ERR_WS_TOPIC_NAME',
  "the name of a topic has 1 to %d characters, and only those of declared topics begin with '/': for these, pass what app.topic() returns", 400)

export const FST_ERR_WS_TOPIC_PARAMS = createError<[fault: string, options?: { cause: unknown }]>(
  'FST_ERR_WS_TOPIC_PARAMS', 'these are no parameters of the topic: %s', 400)

export const FST_ERR_WS_TOPIC_OPTION = createError<[name: string, expected: string]>(
  'FST_ERR_WS_TOPIC_OPTION', "the option '%s' must be %s", 500, TypeError as ErrorConstructor)

export const FST_ERR_WS_INVALID_PUBLISH = createError<[fault: string]>(
  'FST_ERR_WS_INVALID_PUBLISH', 'the published value does not fit schema.message of its topic: %s', 500, TypeError as ErrorConstructor)

export const FST_ERR_WS_POSITION = createError<[url: string, property: string]>(
  'FST_ERR_WS_POSITION',
  "the messages of the topic '%s' cannot carry a position: its schema.message must describe an object with the property '%s', a string")

export const FST_ERR_WS_NO_HISTORY = createError<[topic: string]>(
  'FST_ERR_WS_NO_HISTORY', "the topic '%s' keeps no history: declare it with the option 'history'")

export const FST_ERR_WS_NO_PRESENCE = createError<[url: string]>(
  'FST_ERR_WS_NO_PRESENCE', "the topic '%s' does not know its members: declare it with the option 'presence'")

export const FST_ERR_WS_TOO_MANY_SUBSCRIPTIONS = createError<[max: number]>(
  'FST_ERR_WS_TOO_MANY_SUBSCRIPTIONS', 'a socket may have at most %d subscriptions: see limits.subscriptions')

export const FST_ERR_WS_UNSUBSCRIBED = createError(
  'FST_ERR_WS_UNSUBSCRIBED', 'unsubscribe() was called before the subscription had begun')

export const FST_ERR_WS_IDENTIFY = createError<[type: string]>(
  'FST_ERR_WS_IDENTIFY', "the function given as the WebSocket option 'identify' must return a string or undefined, not %s", 500)

export const FST_ERR_WS_INJECT_REFUSED = createError<[status: number, body: string]>(
  'FST_ERR_WS_INJECT_REFUSED', 'the handshake was refused with status %d: %s')

export const FST_ERR_WS_INJECT_HIJACKED = createError(
  'FST_ERR_WS_INJECT_HIJACKED',
  'the 101 did not come from a WebSocket route: a hook has taken over the socket; use a real client for what it serves')

export const FST_ERR_WS_INJECT_UNANSWERED = createError<[what: string, options?: { cause: unknown }]>(
  'FST_ERR_WS_INJECT_UNANSWERED', 'the handshake got no complete answer: %s')
