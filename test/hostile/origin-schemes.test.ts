import { test } from 'tap'
import { handshake, RawClient } from '../support/raw-client.ts'
import { besieged } from './support.ts'

test("'same-host' lets in pages of the web only: an origin of another scheme is another site", async t => {
  const { port } = await besieged(t, socket => { socket.close() })
  for (const [scheme, expected] of [['https', 101], ['http', 101], ['ftp', 403], ['ws', 403], ['wss', 403]] as const) {
    const client = new RawClient(port)
    client.write(handshake('/', { Origin: `${scheme}://app.example`, Host: 'app.example' }))
    t.equal((await client.response()).status, expected, scheme)
    await client.destroy()
  }
})
