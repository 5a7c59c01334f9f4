import { test } from 'tap'
import { clientOver } from '../../lib/client/client.ts'
import { stage } from './fake-line.ts'

const NAMES = [
  'connectTimeout', 'closeTimeout', 'maxQueued', 'reconnect.min', 'reconnect.max', 'reconnect.spread', 'reconnect.stable',
  'heartbeat.interval', 'heartbeat.timeout', 'queue.bytes', 'queue.age'
]

/** `{ reconnect: { min } }` for `reconnect.min`. */
function option (path: string, value: unknown): object {
  return path.split('.').reduceRight((inner, name) => ({ [name]: inner }), value as object)
}

for (const path of NAMES) {
  test(`${path} is a number from 0`, t => {
    const client = clientOver(() => { throw new Error('not dialled') }, 'ws://server.test')
    for (const value of [Number.NaN, -1, -Infinity, '5', '', true, [5], {}]) {
      t.throws(() => client.connect('/', option(path, value)), {
        code: 'FST_ERR_WS_CLIENT_OPTION', message: new RegExp(path.split('.').at(-1)!)
      }, String(value))
      const withDefaults = clientOver(() => { throw new Error('not dialled') }, 'ws://server.test', option(path, value))
      t.throws(() => withDefaults.connect('/'), { code: 'FST_ERR_WS_CLIENT_OPTION' }, `${String(value)} as a default`)
    }
    t.end()
  })

  for (const value of [undefined, 0, 0.5, 1e20, Infinity]) {
    test(`${path} may be ${value}`, async t => {
      const { socket, opened } = stage(t, { queue: true, ...option(path, value) })
      const line = await opened()
      t.equal(socket.send('to the server'), 'sent')
      void socket.close()
      line.endAsAsked()
      t.match(await socket.closed, { code: 1000, wasClean: true })
    })
  }
}
