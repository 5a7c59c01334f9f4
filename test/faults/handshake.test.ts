import type { FastifyRequest } from 'fastify'
import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { linesWith } from '../support/handshakes.ts'
import { type Fault, FAULTS, isLoggable, isNoError, isUnreadable, throws } from './faults.ts'
import { type End, harmless, type Place, refused, testPlaces } from './place.ts'
import { hook, refusingRoute, route, stuckRoute } from './routes.ts'

const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const

/** What Fastify makes of it for every request. The status for an error that cannot be read is a matter of chance. */
function asFastify (fault: Fault): End {
  return isNoError(fault) ? harmless : isUnreadable(fault) ? refused() : refused(500)
}

const left: End = {
  name: 'the client has left, no more',
  async see ({ app, client, failed, until }) {
    await until(() => linesWith(app.lines, 'incoming request').length === 2)
    client.reset()
    await failed()
  }
}

/*
 * Faults that are left out end the process on a route without WebSockets too: Fastify, or its logger, fails at them.
 */
testPlaces([
  ...HOOKS.map<Place>(name => ({
    name: `the hook ${name}`,
    declare (app, code) {
      app.addHook(name as 'onRequest', hook(code))
      route(app)
    },
    end: asFastify
  })),
  {
    name: 'the hook onSend, for the 101,',
    declare (app, code) {
      const seen = new WeakSet<FastifyRequest>()
      app.addHook('onSend', (request, _reply, _payload, done): void => {
        if (seen.has(request)) return done()
        seen.add(request)
        return code(done)
      })
      route(app)
    },
    end: asFastify
  },
  {
    name: 'the hook onSend, for the 101 and for the error in its place,',
    declare (app, code) {
      app.addHook('onSend', hook(code))
      route(app)
    },
    faults: fault => throws(fault) || (!isUnreadable(fault) && fault.value !== 'a string'),
    end: asFastify
  },
  {
    name: 'the hook onResponse',
    declare (app, code) {
      app.addHook('onResponse', hook(code))
      route(app)
    },
    faults: isLoggable,
    end: harmless
  },
  {
    name: 'the hook onRequestAbort',
    declare (app, code) {
      app.addHook('onRequestAbort', hook(code))
      stuckRoute(app)
    },
    faults: isLoggable,
    end: left
  },
  {
    name: 'the hook onError',
    declare (app, code) {
      app.addHook('onError', hook(code))
      refusingRoute(app)
    },
    end: refused(500)
  },
  {
    name: 'the error handler',
    declare (app, code) {
      app.setErrorHandler(() => code())
      refusingRoute(app)
    },
    // Fastify sends what is no error as the answer.
    end: ({ value }) => value === 'an error' || value === 'a frozen error' ? refused(500) : refused()
  },
  {
    name: 'the origin function',
    declare (app, code) {
      route(app, { ws: { origin: () => code(() => true) } })
    },
    end: fault => isUnreadable(fault) ? refused() : refused(500)
  },
  {
    name: 'a validator of the query',
    declare (app, code) {
      route(app, { schema: { querystring: {} }, validatorCompiler: () => () => code(() => true) })
    },
    faults: throws,
    end: refused(500)
  },
  {
    name: 'schemaErrorFormatter, for the query,',
    declare (app, code) {
      const querystring = { type: 'object', properties: { n: { type: 'integer' } } }
      route(app, { schema: { querystring }, schemaErrorFormatter: () => code() })
    },
    faults: fault => throws(fault) && !isNoError(fault),
    end: fault => isUnreadable(fault) ? refused() : refused(500)
  }
])

for (const name of HOOKS) {
  for (const fault of FAULTS.filter(isNoError)) {
    test(`the hook ${name} that ${fault.name} lets a plain request pass as well`, async t => {
      const app = createApp(t)
      app.addHook(name as 'onRequest', fault.fail as any)
      app.get('/', async () => 'passed')
      t.equal((await app.inject('/')).body, 'passed')
    })
  }
}
