import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import type { Socket, SocketOptions } from 'fastify-sockets'
import { masked } from '../support/frames.ts'
import { BINARY, CLOSE, TEXT } from '../support/opcodes.ts'
import { serve } from '../support/serve.ts'

/*
 * A message that is refused keeps its place: those before it, in the same packet, are handled first, and by default those
 * behind it are not.
 */

type AnySocket = Socket<any, any>

const REFUSED = [
  { code: 1003, bytes: masked(BINARY, '1') },
  { code: 1007, bytes: masked(TEXT, '{') },
  { code: 1008, bytes: masked(TEXT, '"no number"') }
]

const HANDLERS: Record<string, (socket: AnySocket, handle: (message: unknown) => void) => unknown> = {
  async 'a loop' (socket, handle) {
    for await (const message of socket) {
      await sleep(5)
      handle(message)
    }
  },
  'a listener' (socket, handle) {
    socket.on('message', handle)
  },
  async 'a listener that comes late' (socket, handle) {
    await sleep(5)
    socket.on('message', handle)
  }
}

const schema = { message: { type: 'integer' } }

for (const { code, bytes } of REFUSED) {
  for (const [who, handler] of Object.entries(HANDLERS)) {
    for (const own of [false, true]) {
      test(`${code} to ${who}, ${own ? 'by an onInvalidMessage' : 'by default'}: what came before is handled before`, async t => {
        const events: unknown[] = []
        const ws: SocketOptions = own ? { onInvalidMessage: (error, socket) => {
          events.push(error.closeCode)
          socket.send('refused')
        } } : {}
        const { open } = await serve(t, socket => handler(socket, message => {
          events.push(message)
          socket.send('ok')
        }), ws, { schema })
        const client = await open()
        client.write(Buffer.concat([masked(TEXT, '1'), masked(TEXT, '2'), bytes, masked(TEXT, '3')]))
        const answers: unknown[] = []
        for (let i = 0; i < (own ? 4 : 2); i++) answers.push((await client.frame()).payload.toString())
        if (own) {
          t.strictSame(answers, ['ok', 'ok', 'refused', 'ok'])
          t.strictSame(events, [1, 2, code, 3])
        } else {
          t.strictSame(answers, ['ok', 'ok'])
          t.equal((await client.close()).code, code)
          client.send(CLOSE)
          await client.end()
          t.strictSame(events, [1, 2])
        }
      })
    }
  }
}
