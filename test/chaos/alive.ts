/* `GET /alive`, beside whatever else a process does: it is answered as soon as the event loop turns. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Listens on a free port of 127.0.0.1 and returns it. */
export async function serveAlive (): Promise<number> {
  const server = createServer((_request, response) => { response.end('alive') })
  // One connection asks again and again: it is to stay, and nothing of it to come and go.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  return (server.address() as AddressInfo).port
}
