import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/**
 * A port that nobody listens on. Not one of those that the kernel gives to connections (Linux: from 32768 on): while the server is
 * away, one of them could take it, even one that is to reach the server, and then it would be connected to itself.
 */
export async function freePort (): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const server = createServer()
    const isFree = await new Promise<boolean>(resolve => {
      server.once('error', () => { resolve(false) })
      server.listen(port, '127.0.0.1', () => { resolve(true) })
    })
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

export async function isListening (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
