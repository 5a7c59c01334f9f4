import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import type { LimitOptions } from 'fastify-sockets'
import { type ClientOptions, WebSocket } from 'ws'
import { connect, type LogLine } from './app.ts'
import { selfSigned } from './certificate.ts'
import { RawClient, type WireResponse } from './raw-client.ts'

/** A promise that the test fulfils. */
export function deferred<T = void> (): { promise: Promise<T>, resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>(_resolve => { resolve = _resolve })
  return { promise, resolve }
}

/** A route whose handshakes wait in a hook until the test lets all of them go on. */
export function waitingRoute (app: FastifyInstance, url: string, limits?: LimitOptions) {
  const gate = deferred()
  const route = { inHook: 0, letGo: gate.resolve }
  app.get(url, {
    ws: limits === undefined ? true : { limits },
    preHandler: async () => {
      route.inHook++
      await gate.promise
    }
  }, () => {})
  return route
}

/** An onSend hook of an app, in which answers wait until the test lets all of them go on. */
export function waitingOnSend (app: FastifyInstance) {
  const running = deferred<AbortSignal>()
  const gate = deferred()
  app.addHook('onSend', async request => {
    running.resolve(request.signal)
    await gate.promise
  })
  return { running, gate }
}

/** The next message that a client receives, as text. Rejects if the connection ends instead. */
export async function nextText (client: WebSocket): Promise<string> {
  const ended = new AbortController()
  const onClose = (code: number): void => ended.abort(new Error(`closed with ${code} before a message came`))
  client.once('close', onClose)
  try {
    const [data] = await once(client, 'message', { signal: ended.signal })
    return String(data)
  } finally {
    client.off('close', onClose)
  }
}

/** The payload of the next frame from the server, as text. */
export async function frameText (client: RawClient): Promise<string> {
  return (await client.frame()).payload.toString()
}

/** A real client, connected over TLS. */
export async function connectSecure (port: number, url: string): Promise<WebSocket> {
  const client = new WebSocket(`wss://127.0.0.1:${port}${url}`, { ca: (await selfSigned()).cert })
  await once(client, 'open')
  return client
}

/** Connects, sends one message, and returns the answer. */
export async function ask (port: number, url: string, message: string, options?: ClientOptions): Promise<string> {
  return await askOf(await connect(port, url, options), message)
}

/** Sends one message, returns the answer, and drops the connection. */
export async function askOf (client: WebSocket, message: string): Promise<string> {
  const answer = nextText(client)
  client.send(message)
  const text = await answer
  client.terminate()
  return text
}

/** Writes a request whose response must be the last thing on its connection, and waits for the end of that. */
export async function lastResponse (port: number, ...writes: Array<string | Uint8Array>): Promise<WireResponse> {
  const client = new RawClient(port)
  for (const bytes of writes) client.write(bytes)
  const response = await client.response()
  await client.end()
  if (client.received.length > 0) throw new Error(`bytes after the response: ${client.received.toString('latin1')}`)
  return response
}

/** A request that asks for an upgrade to HTTP/2 in clear text, as Java's HttpClient sends it by default. */
export function h2c (method: string, url: string, headers: Record<string, string> = {}): string {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade, HTTP2-Settings, close',
    Upgrade: 'h2c',
    'HTTP2-Settings': 'AAEAAEAA',
    Accept: 'a/b',
    ...headers
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return `${method} ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

/** How many TCP connections the server holds. */
export function connectionCount (app: FastifyInstance): Promise<number> {
  return new Promise((resolve, reject) => {
    app.server.getConnections((error, count) => error === null ? resolve(count) : reject(error))
  })
}

/** The log lines with this message. */
export function linesWith (lines: LogLine[], msg: string): LogLine[] {
  return lines.filter(line => line.msg === msg)
}

/** What a Fastify error body holds. */
export function errorBody (response: { body: string }): Record<'code' | 'error' | 'message', string> {
  return JSON.parse(response.body)
}

/** The package's root, where a child process finds its modules. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** Runs a CommonJS script in a process of its own. */
export function runScript (script: string, env: Record<string, string> = {}): Promise<{ code: number, stdout: string, stderr: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, ['-e', script], { cwd: ROOT, timeout: 20_000, env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
    })
  })
}
