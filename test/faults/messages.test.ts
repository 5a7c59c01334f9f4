import type { Socket, SocketOptions } from 'fastify-sockets'
import { TEXT } from '../support/opcodes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { throws } from './faults.ts'
import { type App, failure, harmless, testPlaces } from './place.ts'

type AnySocket = Socket<any, any>

const STRING = { type: 'string' }

/** A route that takes strings in JSON. */
function takingRoute (app: App, options: object, ws: SocketOptions = {}): void {
  app.get('/', { ws, schema: { message: STRING }, ...options }, (socket: AnySocket) => {
    socket.on('message', message => { socket.send(JSON.stringify(message)) })
  })
}

function sendObject (client: RawClient): void {
  client.send(TEXT, '{}')
}

/** A route with a serializer of its own, which gets what has come. */
function sendingRoute (
  app: App, serialize: (value: string) => string, send: (socket: AnySocket, value: string) => void
): void {
  app.get('/', { ws: true, schema: { send: STRING }, serializerCompiler: () => serialize }, (socket: AnySocket) => {
    socket.on('message', message => send(socket, message))
  })
}

testPlaces([
  {
    name: 'a validator',
    declare (app, code) {
      takingRoute(app, { validatorCompiler: () => () => code(() => true) })
    },
    provoke: sendObject,
    end: failure
  },
  {
    name: 'schemaErrorFormatter',
    declare (app, code) {
      takingRoute(app, { schemaErrorFormatter: () => code() })
    },
    provoke: sendObject,
    end: failure
  },
  {
    name: 'onInvalidMessage',
    declare (app, code) {
      takingRoute(app, {}, { onInvalidMessage: () => code() })
    },
    provoke: sendObject,
    end: failure
  },
  {
    name: 'a serializer',
    declare (app, code) {
      sendingRoute(app, value => code(() => value), (socket, value) => { socket.send(value) })
    },
    faults: throws,
    provoke: client => client.send(TEXT, 'x'),
    end: failure
  },
  {
    name: 'a serializer, under a send() in a try block,',
    declare (app, code) {
      sendingRoute(app, value => value === 'fail' ? code() : value, (socket, value) => {
        try {
          socket.send(value)
        } catch {
          socket.ping()
        }
      })
    },
    faults: throws,
    provoke: client => client.send(TEXT, 'fail'),
    end: harmless
  }
])
