/** A program of its own: the hostile clients of a siege. */
import { OFFER } from '../support/deflate.ts'
import { RawClient } from '../support/raw-client.ts'
import { type Siege, SIEGES } from './floods.ts'

const [port, transport] = [Number(process.argv[2]), process.argv[3]!]
let clients: RawClient[] = []
let bytes: Buffer

async function open ({ flood, url, clients: count }: Siege): Promise<void> {
  bytes = flood.make()
  const headers = flood.compressed === true ? OFFER : {}
  clients = await Promise.all(Array.from({ length: count }, () => RawClient.open(port, url, headers)))
  for (const { socket } of clients) {
    // What comes is read and forgotten.
    socket.removeAllListeners('data')
    socket.resume()
  }
}

/** Writes as fast as the server reads. */
function go (bytes: Buffer): void {
  for (const { socket } of clients) {
    const write = (): void => {
      while (!socket.destroyed && socket.write(bytes));
      socket.once('drain', write)
    }
    write()
  }
}

process.on('message', async ([step, index]: ['open' | 'go' | 'stop', number]) => {
  const siege = SIEGES[transport]![index]!
  if (step === 'open') await open(siege)
  if (step === 'go') go(bytes)
  if (step === 'stop') for (const client of clients) client.reset()
  process.send!(null)
})
process.on('disconnect', () => process.exit())
process.send!(null)
