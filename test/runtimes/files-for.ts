import { existsSync } from 'node:fs'
import { join } from 'node:path'

export type Runtime = 'deno' | 'bun'

/** What goes through a server's front door in half a minute: names of files in test/, by their folder. */
const FILES: Record<string, string[]> = {
  client: [
    'backoff', 'closing', 'finality', 'functions', 'heartbeat', 'inbox', 'iterator', 'lives', 'messages', 'page', 'sending', 'urls'
  ],
  connection: ['client-role', 'closing', 'compression', 'connection', 'cut', 'violations'],
  deflate: ['round-trip'],
  hostile: ['origin', 'sizes'],
  http2: ['clients', 'ends', 'flow', 'handshake', 'on-send', 'other-connects', 'refusals', 'servers', 'sessions'],
  message: ['attach-validation', 'codec', 'deep', 'poisoning', 'union', 'validators', 'wrong-send'],
  handshake: [
    'extensions-header', 'hooks-http1', 'lost-upgrade', 'on-send', 'other-upgrades', 'raw-headers', 'request', 'response', 'timeout'
  ],
  live: ['drain', 'limits', 'logging', 'on-drain', 'sockets'],
  plugin: ['async-context', 'close', 'encapsulation', 'hooks', 'origin', 'subprotocol'],
  socket: ['bytes', 'errors', 'iterator', 'listeners', 'pings', 'send'],
  testing: ['inject', 'inject-refused'],
  topics: ['broadcast', 'delivery', 'order', 'presence', 'resume', 'slow-overflow', 'users']
}

const WINDOW = 'a stream of HTTP/2 that is not read does not hold its sender back'
const RESET = 'a reset has no code'

/** What does not run on a runtime, and why. */
export const LEFT_OUT: Record<Runtime, Record<string, string>> = {
  deno: {
    'http2/flow': WINDOW,
    'testing/inject-refused': 'a malformed header is not refused by its client'
  },
  bun: {
    'connection/cut': RESET,
    'http2/ends': RESET,
    'http2/flow': WINDOW,
    'http2/sessions': 'a session of HTTP/2 has no time limit',
    'handshake/request': 'a handshake that is pipelined behind a request waits for it',
    'handshake/response': 'frames that come before the answer, while a hook waits, are lost',
    'handshake/timeout': 'its clock stands still, and at times so does something of Bun',
    'handshake/other-upgrades': 'what is pipelined behind an upgrade to another protocol is lost'
  }
}

/** The files of tests for a runtime, as paths in dist/test. */
export function filesFor (runtime: Runtime): string[] {
  const all = Object.entries(FILES).flatMap(([folder, names]) => names.map(name => `${folder}/${name}`))
  const isMissing = (name: string): boolean => !existsSync(join(import.meta.dirname, '..', `${name}.test.js`))
  const unknown = all.filter(isMissing).concat(Object.keys(LEFT_OUT[runtime]).filter(name => !all.includes(name)))
  if (unknown.length > 0) throw new Error(`no such tests: ${unknown.join(', ')}`)
  return all.filter(name => !(name in LEFT_OUT[runtime])).map(name => `${name}.test.js`)
}
