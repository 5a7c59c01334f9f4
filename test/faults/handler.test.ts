import type { Socket, SocketEvents, SocketOptions } from 'fastify-sockets'
import { masked } from '../support/frames.ts'
import { CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import { CHUNK } from '../support/serve.ts'
import { turn } from '../support/until.ts'
import { type App, closed, failure, over, type Place, testPlaces } from './place.ts'

type AnySocket = Socket<any, any>

const RESERVED = 3

function route (app: App, handler: (socket: AnySocket) => unknown, ws: SocketOptions = {}): void {
  app.get('/', { ws }, handler)
}

function echo (socket: AnySocket): void {
  socket.on('message', message => { socket.send(message) })
}

/** Sends until more waits than `highWaterMark`. */
function fill (socket: AnySocket): void {
  let hasRoom = true
  while (hasRoom) hasRoom = socket.send(CHUNK)
}

testPlaces([
  {
    name: 'a handler',
    declare (app, code) {
      route(app, socket => code(() => echo(socket)))
    },
    end: failure
  },
  {
    name: 'a handler, after an await,',
    declare (app, code) {
      route(app, async socket => {
        await turn()
        await code(() => echo(socket))
      })
    },
    end: failure
  },
  {
    name: 'the body of a loop',
    declare (app, code) {
      route(app, async socket => {
        for await (const message of socket) await code(() => socket.send(message))
      })
    },
    provoke: client => client.send(TEXT, 'x'),
    end: failure
  },
  {
    name: 'a message listener, for what came with the handshake,',
    declare (app, code) {
      route(app, socket => { socket.on('message', message => code(() => socket.send(message))) })
    },
    early: masked(TEXT, 'x'),
    end: failure
  },
  {
    name: 'a ping listener, for what came with the handshake,',
    declare (app, code) {
      route(app, socket => {
        socket.on('ping', () => code())
        echo(socket)
      })
    },
    early: masked(PING),
    end: failure
  },
  {
    name: 'a close listener that is added after the end and',
    declare (app, code) {
      route(app, socket => {
        echo(socket)
        socket.closed.then(() => socket.on('close', () => code()))
      })
    },
    provoke: client => client.send(CLOSE),
    end: over
  },
  {
    name: 'onError',
    declare (app, code) {
      route(app, socket => {
        socket.on('message', message => {
          if (message === 'fail') throw new Error('on purpose')
          socket.send(message)
        })
      }, { onError: () => code() })
    },
    provoke: client => client.send(TEXT, 'fail'),
    end: failure
  }
])

interface ListenerRow extends Pick<Place, 'provoke' | 'end'> {
  event: keyof SocketEvents
}

const LISTENERS: ListenerRow[] = [
  { event: 'message', provoke: client => client.send(TEXT, 'x'), end: failure },
  { event: 'ping', provoke: client => client.send(PING), end: failure },
  { event: 'pong', provoke: client => client.send(PONG), end: failure },
  { event: 'drain', provoke: client => client.send(TEXT, 'fill'), end: failure },
  {
    event: 'error',
    provoke: client => client.send(RESERVED),
    // The violation has closed the connection before its listeners are called.
    end: () => closed(1002, 'opcode 3 is reserved (RFC 6455 section 5.2)')
  },
  { event: 'close', provoke: client => client.send(CLOSE), end: over }
]

testPlaces(LISTENERS.flatMap(({ event, provoke, end }) => (['on', 'once'] as const).map<Place>(add => ({
  name: `a listener of '${event}', added with ${add}(),`,
  declare (app, code) {
    route(app, socket => {
      socket[add](event, () => code())
      socket.on('message', message => {
        if (message === 'fill') fill(socket)
        else socket.send(message)
      })
    })
  },
  worksAtFirst: true,
  provoke,
  end
}))))
