/**
 * Runs over TLS and over HTTP/2 what the other tests run over TCP, and what they run with `ws` as the peer with our own client:
 * `node run.js [tls|http2|client] [conformance] [options of tap]`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { selfSigned } from '../support/certificate.ts'
import { ALONE, leftOut, NOT_OVER, testsIn, testsOver, TOGETHER, WITH_OUR_CLIENT } from './left-out.ts'

const ROOT = join(import.meta.dirname, '../../..')
/** In which the tests go through a server's front door. What the bytes say is not asked again over TLS: it brings those of TCP. */
const FOLDERS: Record<string, string[]> = {
  tls: ['connection', 'handshake', 'hostile', 'live'],
  http2: ['connection', 'faults', 'handshake', 'hostile', 'live', 'message', 'plugin', 'socket'],
  client: ['connection', 'hostile', 'live', 'plugin', 'sharing', 'socket', 'topics']
}
const CONFORMANCE = 'conformance'

/** Those of conformance run beside each other; the others by folder, but for those that run alone. */
function filesFor (transport: string): string[] {
  const files = (folder: string, end: string): string[] => testsOver(transport, folder, end).map(name => `dist/test/${name}${end}`)
  if (isConformance) return files(CONFORMANCE, TOGETHER)
  return FOLDERS[transport]!.flatMap(folder => [`dist/test/${folder}/all.js`, ...files(folder, ALONE)])
}

function checkLeftOut (transport: string): void {
  const known = [...new Set(Object.values(FOLDERS).flat()), CONFORMANCE].flatMap(folder => [...testsIn(folder, TOGETHER), ...testsIn(folder, ALONE)])
  const named = transport === 'client' ? WITH_OUR_CLIENT : leftOut(transport)
  const unknown = named.filter(name => !known.includes(name))
  if (unknown.length > 0) throw new Error(`no such tests: ${unknown.join(', ')}`)
}

const args = process.argv.slice(2)
const chosen = args.filter(arg => arg in NOT_OVER)
const isConformance = args.includes(CONFORMANCE)
const options = [
  ...isConformance ? ['--jobs=2'] : [],
  ...args.filter(arg => arg !== CONFORMANCE && !chosen.includes(arg))
]
// Made once for all processes.
await selfSigned()
// The conformance tests speak raw bytes.
const all = Object.keys(NOT_OVER).filter(transport => !isConformance || transport !== 'client')
for (const transport of chosen.length > 0 ? chosen : all) {
  console.log(`# over ${transport}`)
  checkLeftOut(transport)
  const tap = spawn('npx', ['tap', '--disable-coverage', ...options, ...filesFor(transport)], {
    cwd: ROOT, stdio: 'inherit', env: { ...process.env, TEST_TRANSPORT: transport }
  })
  const [code] = await once(tap, 'exit')
  if (code !== 0) process.exitCode = 1
}
