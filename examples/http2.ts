/*
 * HTTP/2: all sockets of a browser share one connection with its pages and requests (RFC 8441). Clients that do not know
 * WebSockets over HTTP/2 reach the same routes by an upgrade of HTTP/1.1. Browsers speak HTTP/2 over TLS only, so this
 * needs a key and a certificate; started without them, it says how to make them.
 *
 *   KEY=key.pem CERT=cert.pem node dist/examples/http2.js
 *   npx wscat --no-check --connect wss://127.0.0.1:3000/chat
 *
 * Open https://127.0.0.1:3000 in two tabs and say something in each; in wscat, send {"text":"hello"}. Each line tells which
 * version of HTTP it came by, and on which stream.
 */
import { readFile } from 'node:fs/promises'
import type { ServerHttp2Stream } from 'node:http2'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>fastify-sockets over HTTP/2</title>
<link rel="icon" href="data:,">
<form><input maxlength="500" required autofocus> <button>Say</button></form>
<pre></pre>
<script>
  const log = document.querySelector('pre')
  const socket = new WebSocket('wss://' + location.host + '/chat')
  const show = line => { log.textContent += line + '\\n' }
  socket.onmessage = ({ data }) => {
    const { over, text } = JSON.parse(data)
    show(over + ': ' + text)
  }
  socket.onclose = ({ code, reason }) => show('closed: ' + code + ' ' + reason)
  document.querySelector('form').onsubmit = event => {
    event.preventDefault()
    const input = document.querySelector('input')
    socket.send(JSON.stringify({ text: input.value }))
    input.value = ''
  }
</script>
`

async function read (name: 'KEY' | 'CERT'): Promise<Buffer> {
  try {
    return await readFile(process.env[name] ?? '')
  } catch (error) {
    console.error(`${name} must name a file in PEM format (${(error as Error).message}). To make key.pem and cert.pem:

  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \\
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem

or, for browsers to trust it, with https://github.com/FiloSottile/mkcert:

  mkcert -key-file key.pem -cert-file cert.pem localhost 127.0.0.1

Then start this again with KEY=key.pem CERT=cert.pem`)
    process.exit(1)
  }
}

const app = Fastify({
  logger: true,
  http2: true,
  // For clients that do not know WebSockets over HTTP/2.
  https: { key: await read('KEY'), cert: await read('CERT'), allowHTTP1: true }
}).withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)

const Message = Type.Object({ text: Type.String({ minLength: 1, maxLength: 500 }) })
const Line = Type.Object({ over: Type.String(), text: Type.String() })

app.get('/chat', { ws: true, schema: { message: Message, send: Line } }, async (socket, request) => {
  const over = describe(request.raw)
  socket.send({ over, text: 'welcome' })
  for await (const { text } of socket) {
    for (const other of app.sockets) other.send({ over, text })
  }
})

/** All streams of a session share one TCP connection. */
function describe (raw: { httpVersion: string, stream?: ServerHttp2Stream }): string {
  return raw.stream === undefined ? `HTTP/${raw.httpVersion}` : `HTTP/${raw.httpVersion}, stream ${raw.stream.id}`
}

app.get('/', (_request, reply) => {
  reply.type('text/html; charset=utf-8').send(PAGE)
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
