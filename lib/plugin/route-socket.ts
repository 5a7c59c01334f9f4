import type { FastifyRequest } from 'fastify'
import type { Duplex } from 'node:stream'
import type { Socket } from '../../types/socket.ts'
import { type Agreed, type SocketBehaviour, SocketBase } from '../socket/socket.ts'

/** The socket that a route's handler gets: it knows the request of its handshake. */
export class RouteSocket extends SocketBase implements Socket<any, any> {
  readonly request: FastifyRequest
  readonly remoteAddress: string
  readonly openedAt = performance.now()

  constructor (request: FastifyRequest, duplex: Duplex, agreed: Agreed, behaviour: SocketBehaviour) {
    super(duplex, agreed, behaviour)
    this.request = request
    // A closed transport has no address any more.
    this.remoteAddress = request.socket.remoteAddress ?? ''
  }
}
