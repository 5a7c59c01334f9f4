/**
 * Runs over TLS and over HTTP/2 what the other tests run over TCP: `node run.js [tls|http2] [conformance] [options of tap]`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { selfSigned } from '../support/certificate.ts'

const ROOT = join(import.meta.dirname, '../../..')
/** In which the tests go through a server's front door. */
const FOLDERS = ['connection', 'faults', 'hostile', 'message', 'plugin', 'socket']
const CONFORMANCE = 'conformance'

const HTTP1 = 'of HTTP/1.1'

/** What does not run over another transport than TCP, and why. */
const NOT_OVER: Record<string, Record<string, string>> = {
  tls: {
    'connection/overflow-at-once': 'a write to TLS has not left when the call returns',
    'hostile/slow-reader': 'reads TCP itself, byte by byte',
    'hostile/slow-handshake': 'bytes of HTTP/1.1 as TCP brings them',
    'plugin/at-once': 'an answer to TLS has not left when the call returns',
    'plugin/declaration-http': 'fetches over TCP',
    'plugin/limits-thousand': 'a thousand handshakes of TLS take longer than ours may',
    'plugin/other-upgrades': 'has a part over TLS',
    'plugin/foreign-upgrades': HTTP1
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
    'plugin/abandoned-refusal': 'a client that ends its stream may still read the answer',
    'plugin/declaration-http': HTTP1,
    'plugin/foreign-upgrades': HTTP1,
    'plugin/handshake-request': HTTP1,
    'plugin/handshake-response': HTTP1,
    'plugin/hooks-http1': HTTP1,
    'plugin/other-upgrades': HTTP1,
    'plugin/raw-headers': 'names are in lower case'
  }
}

/** What does not run over any: it has no transport, or brings its own. */
const ON_THEIR_OWN = [
  'conformance/compression-client', 'conformance/count', 'conformance/limits-client',
  'connection/client-role', 'connection/over-tls', 'connection/random-key', 'connection/shared-read',
  'connection/timer-wheel', 'connection/turn',
  'hostile/close', 'hostile/unread-answer',
  'plugin/duplex-pair', 'plugin/errors', 'plugin/inject', 'plugin/inject-refused', 'plugin/inject-settles',
  'plugin/limits-unix', 'plugin/second-router', 'plugin/servers', 'plugin/upgrades-as-http'
]

function filesFor (transport: string, folders: string[]): string[] {
  const names = [...FOLDERS, CONFORMANCE].flatMap(folder => readdirSync(join(ROOT, 'dist/test', folder))
    .filter(file => file.endsWith('.test.js'))
    .map(file => `${folder}/${file.replace('.test.js', '')}`))
  const left = [...ON_THEIR_OWN, ...Object.keys(NOT_OVER[transport]!)]
  const unknown = left.filter(name => !names.includes(name))
  if (unknown.length > 0) throw new Error(`no such tests: ${unknown.join(', ')}`)
  const chosen = names.filter(name => folders.includes(dirname(name)) && !left.includes(name))
  return chosen.map(name => `dist/test/${name}.test.js`)
}

const args = process.argv.slice(2)
const chosen = args.filter(arg => arg in NOT_OVER)
const isConformance = args.includes(CONFORMANCE)
const folders = isConformance ? [CONFORMANCE] : FOLDERS
const options = [
  ...isConformance ? ['--jobs=2', '--timeout=600'] : ['--timeout=60'],
  ...args.filter(arg => arg !== CONFORMANCE && !chosen.includes(arg))
]
// Made once for all processes.
await selfSigned()
for (const transport of chosen.length > 0 ? chosen : Object.keys(NOT_OVER)) {
  console.log(`# over ${transport}`)
  const tap = spawn('npx', ['tap', '--disable-coverage', ...options, ...filesFor(transport, folders)], {
    cwd: ROOT, stdio: 'inherit', env: { ...process.env, TEST_TRANSPORT: transport }
  })
  const [code] = await once(tap, 'exit')
  if (code !== 0) process.exitCode = 1
}
