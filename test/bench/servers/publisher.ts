import { type AddressInfo, createServer } from 'node:net'
import { once } from 'node:events'

/**
 * Listens for what tells this process to publish, each byte so many messages at once: less work than a message of a WebSocket,
 * and the same for every server.
 *
 * @returns the port
 */
export async function publisher (publish: (count: number) => void): Promise<number> {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', bytes => { publish(bytes.reduce((sum, byte) => sum + byte, 0)) })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
