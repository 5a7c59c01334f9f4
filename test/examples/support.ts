import { on, once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { clientClosed } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { type Example, startExample } from '../support/example.ts'

/** Versions from 22.18 on run TypeScript as it stands. */
export const RUNS_TYPESCRIPT = 'typescript' in process.features && Boolean(process.features.typescript)

/** Starts an example that is ended with the test. */
export async function start (t: Test, file: string, env?: Record<string, string>): Promise<Example> {
  const example = await startExample(file, env)
  t.teardown(() => example.stop())
  return example
}

/** Files with a key and a certificate, as the environment names them. */
export async function certificate (t: Test): Promise<{ KEY: string, CERT: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-sockets-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { key, cert } = await selfSigned()
  const files = { KEY: join(folder, 'key.pem'), CERT: join(folder, 'cert.pem') }
  writeFileSync(files.KEY, key)
  writeFileSync(files.CERT, cert)
  return files
}

/** A client whose messages are collected from the beginning. */
export class Client {
  readonly socket: WebSocket
  readonly closed: Promise<{ code: number, reason: string }>
  readonly #messages: AsyncIterator<[Buffer, boolean]>

  constructor (example: Example, path: string, headers: Record<string, string> = {}) {
    // A certificate is made by the test.
    this.socket = new WebSocket(example.url.replace('http', 'ws') + path, { headers, rejectUnauthorized: false })
    this.closed = clientClosed(this.socket)
    this.#messages = on(this.socket, 'message') as unknown as AsyncIterator<[Buffer, boolean]>
  }

  static async open (example: Example, path: string, headers?: Record<string, string>): Promise<Client> {
    const client = new Client(example, path, headers)
    await once(client.socket, 'open')
    return client
  }

  async next (): Promise<string> {
    const { value: [data] } = await this.#messages.next()
    return data.toString()
  }

  async nextJSON (): Promise<unknown> {
    return JSON.parse(await this.next())
  }

  sendJSON (value: unknown): void {
    this.socket.send(JSON.stringify(value))
  }
}

/** The status of a handshake that is refused. */
export function refusal (example: Example, path: string, headers: Record<string, string> = {}): Promise<number> {
  const { socket } = new Client(example, path, headers)
  socket.on('error', () => {})
  return new Promise((resolve, reject) => {
    socket.once('open', () => reject(new Error('the handshake was accepted')))
    socket.once('unexpected-response', (_request, response) => {
      socket.terminate()
      resolve(response.statusCode!)
    })
  })
}
