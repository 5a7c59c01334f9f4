import type { FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import { linesWith } from '../support/handshakes.ts'
import { throws } from './faults.ts'
import { type App, type Code, cut, type End, isFailing, type Place, refused, testPlaces } from './place.ts'

/** Too short for hooks that wait for ever, long enough for those that do not. */
const TIMEOUT = 50

/** A route where a handshake waits for ever, until its time is over. */
function route (app: App, act: (request: FastifyRequest, reply: FastifyReply) => void = () => {}): void {
  app.get('/', {
    ws: { handshakeTimeout: TIMEOUT },
    preHandler: async (request: FastifyRequest, reply: FastifyReply) => {
      if (!isFailing(request)) return
      act(request, reply)
      await new Promise(() => {})
    }
  }, socket => { socket.on('message', message => socket.send(message)) })
}

const LINE = "hooks take too long: see the WebSocket option 'handshakeTimeout'"

/** A log whose stream runs user code for one line. */
function streamFor (code: Code): FastifyServerOptions {
  return { logger: { level: 'trace', stream: { write (line: string) { if (JSON.parse(line).msg === LINE) code() } } } }
}

/** A logger of the request that fails, however it is called. */
function failingLog (request: FastifyRequest, code: Code): void {
  Object.defineProperty(request, 'log', { get: () => code() })
}

const logged = (end: End): End => ({
  name: `${end.name}, and it is logged`,
  async see (connection) {
    await end.see(connection)
    const { t, app } = connection
    t.equal(linesWith(app.lines, 'websocket handshake failed').length, 1)
  }
})

const PLACES: Place[] = [
  {
    name: 'the stream of the log',
    server: streamFor,
    declare: app => route(app),
    faults: throws,
    end: refused(503)
  },
  {
    name: 'a serializer of the log',
    server: code => ({
      logger: { level: 'trace', stream: { write () {} }, serializers: { timeout: (value: unknown) => code(() => value) } }
    } as FastifyServerOptions),
    declare: app => route(app),
    faults: throws,
    end: refused(503)
  },
  {
    name: 'the logger of a request',
    declare: (app, code) => route(app, request => failingLog(request, code)),
    faults: throws,
    end: refused(503)
  },
  {
    name: "a listener of the request's 'close'",
    declare: (app, code) => route(app, request => { request.raw.on('close', () => code()) }),
    faults: throws,
    end: logged(refused(503))
  },
  {
    name: "a writeHead in place of the response's own",
    declare: (app, code) => route(app, (_request, reply) => { reply.raw.writeHead = () => code() }),
    faults: throws,
    end: logged(cut)
  }
]

testPlaces(PLACES.map(place => ({ ...place, name: `at the handshake's time limit, ${place.name}` })))
