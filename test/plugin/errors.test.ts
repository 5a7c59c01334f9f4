import { errors } from 'fastify-sockets'
import { test } from 'tap'

const cause = new Error('the cause')

/** Every error class: what it is made with, and what comes of that. */
const TABLE: Record<keyof typeof errors, [args: unknown[], found: object]> = {
  FST_ERR_WS_OPTION: [['origin', 'this or that'], { message: "the WebSocket option 'origin' must be this or that" }],
  FST_ERR_WS_UNKNOWN_OPTION: [['orgin', 'a, b'], { message: "'orgin' is not a WebSocket option; the options are: a, b" }],
  FST_ERR_WS_METHOD: [['/room', 'POST'], {
    message: "the WebSocket route '/room' must have the method GET, not POST (RFC 6455 section 4.1)"
  }],
  FST_ERR_WS_HANDLER: [['/room'], { message: "the option 'ws.handler' of the route '/room' must be a function" }],
  FST_ERR_WS_NOT_REGISTERED: [["the route '/room' has the option 'ws'"], {
    message: "the route '/room' has the option 'ws', but fastify-sockets is not registered in its scope: call " +
      'app.register(sockets) on the instance that declares it, or on one of its parents'
  }],
  FST_ERR_WS_TOPIC_URL: [['rooms'], { message: /^'rooms' is not the URL of a topic: it begins with '\/'/ }],
  FST_ERR_WS_TOPIC_TWICE: [['/a', '/:b'], { message: /^the topics '\/a' and '\/:b' are declared in one scope/ }],
  FST_ERR_WS_ALREADY_REGISTERED: [[], { message: /^fastify-sockets is registered twice in one scope/ }],
  FST_ERR_WS_OTHER_OPTION: [['/room', 'wsHandler', 'ws: { handler }'], {
    message: "the route '/room' has the option 'wsHandler' of @fastify/websocket, which is not registered in its scope: " +
      'write ws: { handler } for fastify-sockets, or register @fastify/websocket as well'
  }],
  FST_ERR_WS_LOADED_LATE: [['/room'], {
    statusCode: 500,
    message: "the route '/room' was declared before fastify-sockets was loaded, so its option 'ws' was not seen: " +
      "import 'fastify-sockets' before Fastify() is called, or declare the route after await app.register(…)"
  }],
  FST_ERR_WS_HANDSHAKE: [['no key'], { statusCode: 400, message: 'invalid WebSocket handshake: no key' }],
  FST_ERR_WS_VERSION: [['version 8'], { statusCode: 426, message: 'invalid WebSocket handshake: version 8' }],
  FST_ERR_WS_UPGRADE_REQUIRED: [['/room', 'connect with a WebSocket client'], {
    statusCode: 426, message: "'/room' is a WebSocket route: connect with a WebSocket client"
  }],
  FST_ERR_WS_ORIGIN: [['https://evil.example'], {
    statusCode: 403, message: "the origin 'https://evil.example' is not allowed here"
  }],
  FST_ERR_WS_SUBPROTOCOL: [["'v3'", 'v1, v2'], {
    statusCode: 500,
    message: "the function given as the WebSocket option 'protocols' must return false or an offered subprotocol, " +
      "not 'v3'; offered: v1, v2"
  }],
  FST_ERR_WS_CLOSING: [[], { statusCode: 503, message: 'the server is shutting down' }],
  FST_ERR_WS_HANDSHAKE_TIMEOUT: [[1000], { statusCode: 503, message: 'the handshake took more than 1000 ms' }],
  FST_ERR_WS_FULL: [[], { statusCode: 503, message: 'there is no room for another connection; try again later' }],
  FST_ERR_WS_TOO_MANY: [[10, 'handshakes'], {
    statusCode: 429, message: 'at most 10 handshakes from this address; try again later'
  }],
  FST_ERR_WS_INVALID_MESSAGE: [['message must be object', [{ keyword: 'type' }], cause], {
    closeCode: 1008, message: 'message must be object', validation: [{ keyword: 'type' }], cause
  }],
  FST_ERR_WS_INVALID_JSON: [['Unexpected token', { cause }], {
    closeCode: 1007, message: 'the message is not acceptable JSON: Unexpected token', cause
  }],
  FST_ERR_WS_UNSUPPORTED_DATA: [[], {
    closeCode: 1003, message: 'this route takes JSON in text messages, not binary messages'
  }],
  FST_ERR_WS_SLOW_PEER: [[1000], {
    closeCode: 1013, message: 'the peer reads too slowly: more than 1000 bytes (maxBuffered) would wait for it'
  }],
  FST_ERR_WS_OVER_RATE: [['limits.messagesPerSecond or limits.bytesPerSecond'], {
    closeCode: 1013, message: 'the peer sends more than limits.messagesPerSecond or limits.bytesPerSecond allow'
  }],
  FST_ERR_WS_LOST: [['/rooms/a'], {
    closeCode: 1013, message: "messages of the topic '/rooms/a' were lost on their way, and cannot be read any more"
  }],
  FST_ERR_WS_BACKPLANE: [['redis', 'cannot be reached', { cause }], {
    statusCode: 503, closeCode: 1013, message: 'the backplane redis cannot be reached', cause
  }],
  FST_ERR_WS_LAGGING: [['/rooms/a'], { closeCode: 1013, message: /^the peer reads too slowly for the topic '\/rooms\/a'/ }],
  FST_ERR_WS_NO_PONG: [[1000], {
    message: 'the peer is gone: for 1000 ms it has neither answered a ping nor sent anything'
  }],
  FST_ERR_WS_SEND_TYPE: [['object'], {
    message: /^send\(\) takes a string or bytes .* not object; declare schema\.send to send JSON$/
  }],
  FST_ERR_WS_INVALID_SEND: [['message/text must be string'], {
    message: 'the value given to send() does not fit schema.send: message/text must be string'
  }],
  FST_ERR_WS_SERIALIZER: [['schema.send', 'a string, or bytes for a binary message', 'undefined'], {
    message: 'the serializer of schema.send must return a string, or bytes for a binary message, not undefined'
  }],
  FST_ERR_WS_CLOSE_CODE: [[1005], { message: /^close code 1005 cannot be sent: use 1000-1003, / }],
  FST_ERR_WS_CLOSE_REASON: [['null'], { message: 'the close reason must be a string, not null' }],
  FST_ERR_WS_EVENT: [['messages', 'message, close'], {
    message: "'messages' is not an event of a socket; the events are: message, close"
  }],
  FST_ERR_WS_LISTENER: [['ping', 'undefined'], {
    message: "a listener for 'ping' must be a function, not undefined"
  }],
  FST_ERR_WS_TWO_CONSUMERS: [[], { message: /already has a consumer$/ }],
  FST_ERR_WS_NOT_OPEN: [['ping()'], { message: 'ping() is no longer possible: the connection has ended' }],
  FST_ERR_WS_ASYNC_VALIDATOR: [['schema.message', 'messages'], { message: /^schema\.message has an asynchronous validator/ }],
  FST_ERR_WS_TOPIC_NOT_READY: [['/a'], { message: "the topic '/a' cannot be used before the app is ready: wait for app.ready() or app.listen()" }],
  FST_ERR_WS_TOPIC_NAME: [[255], { statusCode: 400, message: /^the name of a topic has 1 to 255 characters/ }],
  FST_ERR_WS_TOPIC_PARAMS: [['params/a must be string', { cause }], {
    statusCode: 400, message: 'these are no parameters of the topic: params/a must be string', cause
  }],
  FST_ERR_WS_TOPIC_OPTION: [['as', 'a string'], { message: "the option 'as' must be a string" }],
  FST_ERR_WS_INVALID_PUBLISH: [['message/a must be string'], {
    message: 'the published value does not fit schema.message of its topic: message/a must be string'
  }],
  FST_ERR_WS_POSITION: [['/a', 'at'], { message: /^the messages of the topic '\/a' cannot carry a position: .* the property 'at', a string$/ }],
  FST_ERR_WS_NO_HISTORY: [['/a'], { message: "the topic '/a' keeps no history: declare it with the option 'history'" }],
  FST_ERR_WS_NO_PRESENCE: [['/a'], { message: "the topic '/a' does not know its members: declare it with the option 'presence'" }],
  FST_ERR_WS_TOO_MANY_SUBSCRIPTIONS: [[1000], { message: 'a socket may have at most 1000 subscriptions: see limits.subscriptions' }],
  FST_ERR_WS_UNSUBSCRIBED: [[], { message: 'unsubscribe() was called before the subscription had begun' }],
  FST_ERR_WS_IDENTIFY: [['number'], {
    statusCode: 500, message: "the function given as the WebSocket option 'identify' must return a string or undefined, not number"
  }],
  FST_ERR_WS_INJECT_REFUSED: [[401, 'who?'], { message: 'the handshake was refused with status 401: who?' }],
  FST_ERR_WS_TWO_VERSIONS: [['0.1.0 and 1.0.0'], { message: /^fastify-sockets 0\.1\.0 and 1\.0\.0 are loaded in one process .*npm ls fastify-sockets/ }],
  FST_ERR_WS_INJECT_HIJACKED: [[], { message: /^the 101 did not come from a WebSocket route: a hook has taken over the socket/ }],
  FST_ERR_WS_INJECT_UNANSWERED: [['socket hang up'], { message: 'the handshake got no complete answer: socket hang up' }]
}

for (const [code, [args, found]] of Object.entries(TABLE)) {
  test(`${code} has its code, its text and its status or close code`, async t => {
    const Class = errors[code as keyof typeof errors] as unknown as new (...args: unknown[]) => Error
    const error = new Class(...args)
    t.match(error, { code, ...found })
    t.equal((error as any).code, code)
    t.ok(error instanceof Error)
    t.match(error.stack, error.message)
  })
}

test('the table is complete', async t => {
  t.same(Object.keys(TABLE).sort(), Object.keys(errors).sort())
})

test('a wrong type is a TypeError, a wrong close code a RangeError', async t => {
  t.ok(new errors.FST_ERR_WS_SEND_TYPE('object') instanceof TypeError)
  t.ok(new errors.FST_ERR_WS_CLOSE_CODE(1005) instanceof RangeError)
})

test('texts from outside are put in as they are, placeholders and all', async t => {
  const error = new errors.FST_ERR_WS_INVALID_MESSAGE('message/%s must be %d', undefined)
  t.equal(error.message, 'message/%s must be %d')
  t.equal(error.validation, undefined)
  const refused = new errors.FST_ERR_WS_INJECT_REFUSED(500, '100 %s')
  t.equal(refused.message, 'the handshake was refused with status 500: 100 %s')
})
