import { test } from 'tap'
import { handshake } from '../support/raw-client.ts'
import { besieged, statuses } from './support.ts'

/** What Node itself refuses: RFC 9110 §5.5 forbids them in a value. */
const CONTROLS = ['\u0000', '\u0001', '\u0008', '\u000b', '\u000c', '\u001b', '\u007f', '\r', '\n', '\r\n ']

test('control characters in an origin get 400, wherever they stand', async t => {
  const { port } = await besieged(t, () => { t.fail('the handler was called') })
  for (const control of CONTROLS) {
    for (const Origin of ['*https://app.example', 'https://app*.example', 'https://app.example*:443']
      .map(one => one.replace('*', control))) {
      const bytes = Buffer.from(handshake('/', { Origin, Host: 'app.example' }), 'latin1')
      t.same(await statuses(port, bytes), [400], JSON.stringify(Origin))
    }
  }
})

test("'same-host' takes no name beyond ASCII, though Host says the same", async t => {
  const { port } = await besieged(t, () => { t.fail('the handler was called') })
  const name = Buffer.from('bücher.example').toString('latin1')
  const bytes = Buffer.from(handshake('/', { Origin: `https://${name}`, Host: name }), 'latin1')
  t.same(await statuses(port, bytes), [403])
})
