import { once } from 'node:events'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { selfSigned } from '../support/certificate.ts'

const { key, cert } = await selfSigned()

export interface Served {
  url: string
  server: Http2SecureServer
  sessions: ServerHttp2Session[]
  streams: ServerHttp2Stream[]
  /** Requests over HTTP/1.1. */
  upgrades: number
}

/** A server whose answers the test makes. */
export async function served (t: Test, answer: (stream: ServerHttp2Stream) => void = () => {}, settings: object = { enableConnectProtocol: true }): Promise<Served> {
  const server = createSecureServer({ key, cert, settings, allowHTTP1: true })
  const all: Served = { url: '', server, sessions: [], streams: [], upgrades: 0 }
  server.on('session', session => {
    all.sessions.push(session)
    session.on('error', () => {})
  })
  server.on('stream', stream => {
    all.streams.push(stream)
    stream.on('error', () => {})
    answer(stream)
  })
  server.on('upgrade', (_request, socket) => {
    all.upgrades++
    socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  })
  server.listen(0)
  await once(server, 'listening')
  all.url = `wss://localhost:${(server.address() as AddressInfo).port}/`
  t.teardown(() => {
    for (const session of all.sessions) session.destroy()
    server.close()
  })
  return all
}

/** Accepts a WebSocket. */
export const accept = (stream: ServerHttp2Stream): void => { stream.respond({ ':status': 200 }) }
