// Runs a script with what a browser has, and with nothing of Node: `node run.mjs FILE`.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'

/** A server that sends back what it gets. */
class WebSocket {
  protocol = ''
  readyState = 1
  bufferedAmount = 0

  constructor (url) {
    assert.equal(url, 'wss://example.com/rooms/a%20b')
    setTimeout(() => this.onopen())
  }

  send (data) {
    setTimeout(() => this.onmessage({ data }))
  }

  close (code, reason) {
    setTimeout(() => this.onclose({ code, reason, wasClean: true }))
  }
}

const browser = { AbortController, clearTimeout, console, queueMicrotask, setTimeout, TextDecoder, TextEncoder, URL, URLSearchParams, WebSocket }
runInNewContext(readFileSync(process.argv[2], 'utf8'), {
  ...browser,
  report (text, code) {
    assert.deepEqual([text, code], ['hello', 1000])
    console.log('works')
  }
})
