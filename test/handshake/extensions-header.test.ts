import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { errorBody, lastResponse } from '../support/handshakes.ts'
import { handshake } from '../support/raw-client.ts'

const MALFORMED = [
  '', ' ', ',', 'a b', 'permessage-deflate;', 'permessage-deflate; client_max_window_bits=', 'permessage-deflate; x="1'
]

for (const deflate of [false, true]) {
  for (const extensions of MALFORMED) {
    test(`the extensions '${extensions}' get 400 with deflate: ${deflate}, and the connection ends`, async t => {
      const app = createApp(t, { deflate })
      app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
      const bytes = handshake('/room', { 'Sec-WebSocket-Extensions': extensions })
      const response = await lastResponse(await listen(app), bytes)
      t.equal(response.status, 400)
      t.equal(response.headers['sec-websocket-extensions'], undefined)
      t.match(errorBody(response), {
        code: 'FST_ERR_WS_HANDSHAKE',
        message: 'Sec-WebSocket-Extensions does not follow its grammar (RFC 6455 section 9.1)'
      })
    })
  }
}

test('extensions on two lines of which one is malformed get 400', async t => {
  const app = createApp(t, { deflate: true })
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const bytes = handshake('/room', { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
    .replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: ;\r\n\r\n')
  t.equal((await lastResponse(await listen(app), bytes)).status, 400)
})
