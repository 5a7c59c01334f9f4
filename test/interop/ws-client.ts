import { performance } from 'node:perf_hooks'
import { type ClientOptions, WebSocket } from 'ws'
import { type Client, content, type Message, type Report, type Visit } from './visit.ts'

/** The client of the `ws` package. */
export function wsClient (options: ClientOptions = {}): Client {
  return {
    can: {
      fragments: true,
      ping: true,
      closeWithoutCode: true,
      compresses: true,
      declinesDeflate: true
    },
    refusal: 'Unexpected server response: 401',
    visit (url, { protocols = [], deflate = true, ...plan }) {
      const report: Report = {
        opened: false, protocol: '', extensions: '', received: [], roundTrip: null, close: null, error: null
      }
      const socket = new WebSocket(url, protocols, { ...options, perMessageDeflate: deflate })
      socket.on('upgrade', response => { report.extensions = response.headers['sec-websocket-extensions'] ?? '' })
      socket.on('open', () => {
        report.opened = true
        report.protocol = socket.protocol
        talk(socket, plan, report)
      })
      socket.on('error', error => { report.error = error.message })
      return new Promise(resolve => {
        socket.on('close', (code, reason) => { resolve({ ...report, close: { code, reason: reason.toString() } }) })
      })
    }
  }
}

function talk (socket: WebSocket, { send = [], replies = send.length, ping, close }: Visit, report: Report): void {
  const whenReplied = (): void => {
    if (report.received.length < replies) return
    if (ping === true) {
      const sentAt = performance.now()
      socket.ping('interop')
      socket.once('pong', () => {
        report.roundTrip = performance.now() - sentAt
        if (close !== undefined) socket.close(close.code, close.reason)
      })
    } else if (close !== undefined) {
      socket.close(close.code, close.reason)
    }
  }
  socket.on('message', (data, isBinary) => {
    report.received.push(content(isBinary ? data as Buffer : data.toString()))
    whenReplied()
  })
  for (const message of send) sendMessage(socket, message)
  whenReplied()
}

function sendMessage (socket: WebSocket, { kind, fragments }: Message): void {
  const last = fragments.length - 1
  for (const [index, fragment] of fragments.entries()) {
    socket.send(kind === 'text' ? fragment : Buffer.from(fragment, 'base64'), { fin: index === last })
  }
}
