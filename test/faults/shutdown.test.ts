import { test } from 'tap'
import type { Socket } from 'fastify-sockets'
import { createApp } from '../support/app.ts'
import { closeBody } from '../support/frames.ts'
import { CLOSE } from '../support/opcodes.ts'
import { listenTo } from '../support/serve.ts'
import { turn } from '../support/until.ts'
import { type Fault, FAULTS, isUnreadable } from './faults.ts'
import type { App } from './place.ts'
import { Watch } from './watch.ts'

interface Row {
  name: string
  declare: (app: App, fail: () => any) => void
  /** The faults that it can have; absent: all. */
  faults?: (fault: Fault) => boolean
}

function route (app: App, handler: (socket: Socket<any, any>) => unknown = () => {}): void {
  app.get('/', { ws: true }, handler)
}

/** Faults that are left out end the process of a server without WebSockets too. */
const ROWS: Row[] = [
  {
    name: 'a preClose hook that was added before the plugin had loaded',
    declare (app, fail) {
      app.addHook('preClose', () => fail())
      route(app)
    },
    faults: fault => !isUnreadable(fault)
  },
  {
    name: 'a preClose hook that was added later',
    declare (app, fail) {
      app.after(() => { app.addHook('preClose', () => fail()) })
      route(app)
    },
    faults: fault => !isUnreadable(fault)
  },
  {
    name: 'an onClose hook',
    declare (app, fail) {
      app.addHook('onClose', () => fail())
      route(app)
    },
    faults: ({ rejects }) => rejects
  },
  {
    name: 'a close listener',
    declare (app, fail) {
      route(app, socket => { socket.on('close', () => fail()) })
    }
  },
  {
    name: 'what follows the loop in a handler',
    declare (app, fail) {
      route(app, async socket => {
        for await (const message of socket) socket.send(message)
        await fail()
      })
    }
  }
]

for (const { name, declare, faults = () => true } of ROWS) {
  for (const fault of FAULTS.filter(faults)) {
    test(`${name}, and ${fault.name}: app.close() ends all connections with 1001, and itself`, async t => {
      const watch = new Watch(t)
      const app = createApp(t)
      let failures = 0
      declare(app, () => {
        failures++
        return fault.fail()
      })
      const { open } = await listenTo(t, app)
      const clients = [await open(), await open()]
      const closing = app.close().catch(() => {})
      for (const client of clients) {
        t.strictSame(await watch.during(client.close()), { code: 1001, reason: 'the server is shutting down' })
        client.send(CLOSE, closeBody(1001))
        await watch.during(client.end())
      }
      await watch.during(closing)
      await watch.until(() => app.sockets.size === 0)
      await watch.during(turn())
      t.ok(failures > 0, 'the user code has failed')
    })
  }
}
