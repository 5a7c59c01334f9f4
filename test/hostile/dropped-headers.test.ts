import { test } from 'tap'
import { handshake, RawClient } from '../support/raw-client.ts'
import { besieged } from './support.ts'

// Node 20 drops the headers that come after so many and says nothing, where later versions refuse them with 431. What it
// has dropped may be the Origin.
for (const [name, server, count] of [
  ['the thousand that Node keeps', {}, 1000],
  ['the few that the server was told to keep', { maxHeadersCount: 20 }, 20]
] as const) {
  for (const origin of ['same-host', 'https://app.example', []] as const) {
    test(`a handshake with an Origin behind ${name} is refused, origin: ${JSON.stringify(origin)}`, async t => {
      const { app, port, isOver } = await besieged(t, () => { t.fail('the handler was called') }, { ws: { origin } })
      Object.assign(app.server, server)
      const fillers = 'a:b\r\n'.repeat(count)
      const bytes = handshake('/').replace(/\r\n$/, `${fillers}Origin: https://evil.example\r\n\r\n`)
      const client = new RawClient(port)
      client.write(bytes)
      const { status } = await client.response()
      t.ok(status >= 400 && status < 500, String(status))
      await client.destroy()
      await isOver()
    })
  }
}
