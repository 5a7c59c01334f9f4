import { createClient as createNodeClient } from 'fastify-sockets/client'
import { createClient as createWebClient } from '../../lib/client/index.ts'
import type { ClientOptions, ClientSocket } from '../../lib/client/types.ts'
import { WebSocket } from '../support/web-socket.ts'

// The build for browsers takes the platform's WebSocket, which Node 20 does not have.
Object.assign(globalThis, { WebSocket })

export type BuildName = 'node' | 'web'

type CreateClient = (base: string, defaults?: ClientOptions) => { connect (url: string, options?: object): ClientSocket }

/** Both builds of the client. */
export const BUILDS: Record<BuildName, CreateClient> = {
  node: createNodeClient as unknown as CreateClient,
  web: createWebClient as unknown as CreateClient
}
