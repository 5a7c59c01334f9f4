import { test } from 'tap'
import { handshake, RawClient } from '../support/raw-client.ts'
import { besieged } from './support.ts'

test("'same-host' lets in the schemes of the web, and what native clients write in their place; any other is another site", async t => {
  const { port } = await besieged(t, socket => { socket.close() })
  for (const [scheme, expected] of [
    ['https', 101], ['http', 101], ['ws', 101], ['wss', 101], ['ftp', 403], ['w', 403], ['wsx', 403], ['file', 403],
    ['https+wss', 403], ['chrome-extension', 403]
  ] as const) {
    const client = new RawClient(port)
    client.write(handshake('/', { Origin: `${scheme}://app.example`, Host: 'app.example' }))
    t.equal((await client.response()).status, expected, scheme)
    await client.destroy()
  }
})
