import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const TESTS = join(import.meta.dirname, '..')
/** How the files of tests end: those of a folder that run in one process, and those with one of their own. */
export const TOGETHER = '.test.js'
export const ALONE = '.alone.js'

const HTTP1 = 'of HTTP/1.1'

/** What does not run over another transport than TCP, and why: names of files in test/. */
export const NOT_OVER: Record<string, Record<string, string>> = {
  tls: {
    'connection/overflow-at-once': 'a write to TLS has not left when the call returns',
    'hostile/slow-reader': 'reads TCP itself, byte by byte',
    'hostile/slow-handshake': 'bytes of HTTP/1.1 as TCP brings them',
    'handshake/at-once': 'an answer to TLS has not left when the call returns',
    'handshake/foreign-upgrades': HTTP1,
    'handshake/other-upgrades': 'has a part over TLS',
    'live/limits-thousand': 'a thousand handshakes of TLS take longer than ours may'
  },
  http2: {
    'connection/open-side': 'the server ends the stream as a whole',
    'connection/overflow-at-once': 'a write to a stream has not left when the call returns',
    'faults/timeout': 'an idle TCP connection',
    'hostile/dropped-headers': HTTP1,
    'hostile/early-bytes': 'counts what TCP brings',
    'hostile/handshake-body': HTTP1,
    'hostile/huge-handshake': HTTP1,
    'hostile/open-side': 'the server ends the stream as a whole',
    'hostile/origin-characters': HTTP1,
    'hostile/slow-handshake': HTTP1,
    'hostile/slow-reader': 'reads TCP itself, byte by byte',
    'hostile/smuggling': HTTP1,
    'handshake/abandoned-refusal': 'a client that ends its stream may still read the answer',
    'plugin/declaration-http': HTTP1,
    'plugin/plain-requests': HTTP1,
    'handshake/foreign-upgrades': HTTP1,
    'handshake/request': HTTP1,
    'handshake/response': HTTP1,
    'handshake/hooks-http1': HTTP1,
    'handshake/other-upgrades': HTTP1,
    'handshake/raw-headers': 'names are in lower case'
  },
  client: {
    'connection/compression': 'looks into the WebSocket of `ws`',
    'connection/overflow-large': 'stops the WebSocket of `ws` from reading'
  }
}

/** The tests whose peer is no raw client: what also runs, over TCP, with the client of this package as the peer. */
export const WITH_OUR_CLIENT = [
  'connection/closing', 'connection/compression-order', 'connection/keepalive', 'connection/overflow',
  'hostile/crowds', 'hostile/topics', 'hostile/waiting-crowds', 'live/shutdown-waits',
  'plugin/close', 'plugin/declaration', 'plugin/declaration-http', 'plugin/encapsulation', 'plugin/options', 'plugin/registration',
  'sharing/asked', 'sharing/oldest', 'sharing/two-apps', 'socket/discarded', 'socket/pings',
  'topics/broadcast', 'topics/closing', 'topics/presence', 'topics/presence-announce', 'topics/presence-grace', 'topics/presence-late',
  'topics/users', 'topics/users-handshake'
]

/** What does not run over any: it has no transport, or brings its own. */
const ON_THEIR_OWN = [
  'conformance/compression-client', 'conformance/count', 'conformance/limits-client',
  'connection/client-role', 'connection/over-tls', 'connection/random-key', 'connection/shared-read',
  'connection/timer-wheel', 'connection/turn',
  'hostile/close', 'hostile/unread-answer',
  'handshake/lost-upgrade', 'handshake/upgrades-as-http', 'live/limits-unix', 'plugin/errors', 'plugin/servers'
]

/** Names of files in test/ that do not run over a transport. Over TCP all do. */
export function leftOut (transport: string): string[] {
  return transport === 'tcp' ? [] : [...ON_THEIR_OWN, ...Object.keys(NOT_OVER[transport]!)]
}

/**
 * The tests in a folder of test/ that run over a transport: the names of their files, without the end.
 *
 * @param end of the names of their files
 */
export function testsOver (transport: string, folder: string, end: string): string[] {
  const left = leftOut(transport)
  const isPart = (name: string): boolean => transport === 'client' ? WITH_OUR_CLIENT.includes(name) : !left.includes(name)
  return testsIn(folder, end).filter(isPart)
}

export function testsIn (folder: string, end: string): string[] {
  return readdirSync(join(TESTS, folder)).filter(file => file.endsWith(end)).map(file => `${folder}/${file.slice(0, -end.length)}`)
}
