import type { FastifyServerOptions } from 'fastify'
import type { Socket } from 'fastify-sockets'
import { linesWith } from '../support/handshakes.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import { throws } from './faults.ts'
import { type App, closed, type Code, type End, failure, over, type Place, testPlaces } from './place.ts'

/** Close listeners that have been called. */
let told = 0

/** An echo that notes the end of its connections. */
function route (app: App, options: object = {}): void {
  told = 0
  app.get('/', { ws: true, ...options }, (socket: Socket<any, any>) => {
    socket.on('message', message => {
      if (message === 'fail') throw new Error('on purpose')
      socket.send(message)
    })
    socket.on('close', () => { told++ })
  })
}

/** The same for strings in JSON. */
function takingRoute (app: App, options: object = {}): void {
  app.get('/', { ws: true, schema: { message: { type: 'string' } }, ...options }, (socket: Socket<any, any>) => {
    socket.on('message', message => { socket.send(JSON.stringify(message)) })
  })
}

const overAndTold: End = {
  name: 'the connection has ended, and its listeners know',
  async see (connection) {
    await over.see(connection)
    await connection.until(() => told > 0)
  }
}

const logged: End = {
  name: 'it is logged',
  async see (connection) {
    await failure.see(connection)
    const { t, app: { lines } } = connection
    t.equal(linesWith(lines, 'websocket handler failed').length, 1)
  }
}

interface Line extends Pick<Place, 'provoke' | 'end'> {
  msg: string
  /** What is on the line, by the name that serializers have. */
  key: string
  route: (app: App, options?: object) => void
}

/** The lines that this package writes. For those of a request Fastify itself ends the process in all these cases. */
const LINES: Line[] = [
  { msg: 'websocket handler failed', key: 'err', route, provoke: client => client.send(TEXT, 'fail'), end: failure },
  {
    msg: 'websocket message refused',
    key: 'err',
    route: takingRoute,
    provoke: client => client.send(TEXT, '{}'),
    end: closed(1008, 'message must be string')
  },
  { msg: 'websocket closed', key: 'ws', route, provoke: client => client.send(CLOSE), end: overAndTold }
]

/** A log whose stream runs user code for one line. */
function streamFor (msg: string, code: Code): FastifyServerOptions {
  return { logger: { level: 'trace', stream: { write (line: string) { if (JSON.parse(line).msg === msg) code() } } } }
}

testPlaces([
  {
    name: 'a handler',
    declare (app, code) {
      app.get('/', { ws: true }, socket => code(() => {
        socket.on('message', message => { socket.send(message) })
      }))
    },
    end: logged
  },
  ...LINES.flatMap<Place>(({ msg, key, route, provoke, end }) => {
    const serializers = (code: Code): any => ({ [key]: (value: unknown) => code(() => value) })
    const rest = { faults: throws, worksAtFirst: true, provoke, end }
    return [
      {
        name: `the stream of the log, at '${msg}',`,
        server: code => streamFor(msg, code),
        declare: app => route(app),
        ...rest
      },
      {
        name: `a serializer of the log, at '${msg}',`,
        server: code => ({ logger: { level: 'trace', stream: { write () {} }, serializers: serializers(code) } }),
        declare: app => route(app),
        ...rest
      },
      {
        name: `a serializer in the route's logSerializers, at '${msg}',`,
        declare: (app, code) => route(app, { logSerializers: serializers(code) }),
        ...rest
      }
    ]
  }),
  {
    name: 'disableRequestLogging, at the end of a connection,',
    server: code => ({ disableRequestLogging: () => code(() => false) }),
    declare: app => route(app),
    faults: throws,
    worksAtFirst: true,
    provoke: client => client.send(CLOSE),
    end: overAndTold
  }
])
