import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { FastifyServerOptions } from 'fastify'
import type { Socket } from 'fastify-sockets'
import { selfSigned } from './certificate.ts'
import { Http2Transport } from './http2-transport.ts'

/** The client's end of a connection, whatever carries it. */
export interface ClientTransport extends Duplex {
  setNoDelay (noDelay?: boolean): unknown
  /** Ends it as TCP does with a reset. */
  resetAndDestroy (): unknown
}

export interface TransportOptions {
  host?: string
  allowHalfOpen?: boolean
}

/** What WebSockets go over. */
interface Transport {
  /** Options of a server that serves it. */
  server: FastifyServerOptions
  /** With which a handshake is accepted, before it reaches the client. */
  accepted: number
  /** The code of the error that a reset by the client is; none: it is only the end. */
  resetCode: string | null
  connect (port: number, options: TransportOptions): ClientTransport
}

const TRANSPORTS: Record<string, () => Transport | Promise<Transport>> = {
  tcp: () => ({ server: {}, accepted: 101, resetCode: 'ECONNRESET', connect: plain }),
  // Where the peer is no raw client, it is that of this package.
  client: () => TRANSPORTS.tcp!(),
  async tls () {
    const certificate = await selfSigned()
    return {
      server: { https: certificate } as FastifyServerOptions,
      accepted: 101,
      resetCode: 'ECONNRESET',
      connect: secured(certificate.cert)
    }
  },
  http2: () => ({
    server: { http2: true } as FastifyServerOptions,
    accepted: 200,
    resetCode: null,
    connect: (port, options) => new Http2Transport(port, options.allowHalfOpen)
  })
}

/** What the tests of this process use, by the environment: see test/transports. */
export const TRANSPORT = process.env.TEST_TRANSPORT ?? 'tcp'
const transport = await TRANSPORTS[TRANSPORT]!()

export const { server: serverOptions, accepted, resetCode } = transport

/** The server's end of a connection, as the socket writes to it. */
export function transportOf ({ request }: Socket<any, any>): Duplex {
  return (request.raw as { stream?: Duplex }).stream ?? request.socket
}

/** Connects to a server of this machine; what is written at once waits. */
export function connectTransport (port: number, options: TransportOptions = {}): ClientTransport {
  return transport.connect(port, options)
}

function plain (port: number, { host = '127.0.0.1', allowHalfOpen = false }: TransportOptions) {
  return connectTcp({ port, host, allowHalfOpen, noDelay: true })
}

function secured (ca: string): Transport['connect'] {
  return (port, options) => {
    const socket = plain(port, options)
    const client = connectTls({ socket, host: '127.0.0.1', ca })
    // What TLS itself cannot: the TCP socket, which it destroys, resets instead.
    client.resetAndDestroy = () => {
      socket.destroy = () => {
        Reflect.deleteProperty(socket, 'destroy')
        return socket.resetAndDestroy()
      }
      return client.destroy()
    }
    return client
  }
}
