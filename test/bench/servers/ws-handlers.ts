import { requirePeer } from '../peers.ts'
import { answer, type Message, messageSchema } from './chat.ts'
import { NEWS, type role, strings } from './config.ts'

/** What a server on ws does with each of its sockets, as its documentation does it. */
export function handlers (clients: () => Iterable<any>): Record<typeof role, (socket: any) => void> {
  return {
    echo: strings ? echoStrings : socket => {
      socket.on('message', (data: Buffer, isBinary: boolean) => { socket.send(data, { binary: isBinary }) })
    },
    json: json(),
    'fan-out' (socket) {
      const news = Buffer.from(NEWS)
      socket.on('message', () => {
        for (const client of clients()) {
          if (client.readyState === client.OPEN) client.send(news, { binary: false })
        }
      })
    }
  }
}

function echoStrings (socket: any): void {
  socket.on('message', (data: Buffer, isBinary: boolean) => { socket.send(isBinary ? data : data.toString()) })
}

/** By hand what a route with schemas does. */
function json (): (socket: any) => void {
  const { Ajv } = requirePeer('ajv')
  // The options that Fastify has.
  const ajv = new Ajv({ coerceTypes: 'array', useDefaults: true, removeAdditional: true, allErrors: false })
  const validate = ajv.compile(messageSchema)
  return socket => {
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) return socket.close(1003)
      let message
      try {
        message = JSON.parse(data.toString())
      } catch {
        return socket.close(1007)
      }
      if (!validate(message)) return socket.close(1008, ajv.errorsText(validate.errors))
      socket.send(JSON.stringify(answer(message as Message)))
    })
  }
}
