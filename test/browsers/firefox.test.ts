import { test } from 'tap'
import { startFirefox } from './firefox.ts'
import { startHost } from './host.ts'
import { addressOf, reported, scriptsOf } from './reported.ts'

for (const place of ['window', 'worker']) {
  test(`Firefox, ${place}`, async t => {
    const host = await startHost(t)
    const { printed } = startFirefox(t, addressOf(host, place, place))
    await reported(t, host, place, printed)
    t.match(host.run(place).end?.userAgent, /Firefox/)
    t.strictSame(scriptsOf(host), ['/client.js', '/contract.js', '/start.js', `/${place}.js`].sort(), 'the bundles load nothing else')
  })
}
