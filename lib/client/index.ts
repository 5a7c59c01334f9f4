import { clientOver } from './client.ts'
import type { CreateClient } from './connect.ts'
import { dialWebSocket } from './web-line.ts'

export type { Client, Connect, CreateClient, RouteTypes, SocketTo } from './connect.ts'
export type {
  Asked, Attempt, ClientCodec, ClientEvents, ClientHeartbeatOptions, ClientOptions, ClientSocket, ClientState, Ending, QueueOptions,
  ReconnectOptions, SendOutcome, StateChange
} from './types.ts'

/** Over the WebSocket of the platform: a browser's, a worker's, that of Deno or Bun. */
export const createClient: CreateClient = (base, defaults) => clientOver(dialWebSocket, base, defaults) as any
