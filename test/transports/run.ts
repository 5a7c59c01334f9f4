/**
 * Runs over TLS and over HTTP/2 what the other tests run over TCP: `node run.js [tls|http2] [conformance] [options of tap]`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { selfSigned } from '../support/certificate.ts'
import { leftOut, NOT_OVER } from './left-out.ts'

const ROOT = join(import.meta.dirname, '../../..')
/** In which the tests go through a server's front door. */
const FOLDERS = ['connection', 'faults', 'hostile', 'message', 'plugin', 'socket']
const CONFORMANCE = 'conformance'

function filesOf (folder: string): string[] {
  return readdirSync(join(ROOT, 'dist/test', folder))
    .filter(file => file.endsWith('.test.js'))
    .map(file => `${folder}/${file.replace('.test.js', '')}`)
}

/** Those of conformance run beside each other; the others by folder, where each leaves out what is to be left out. */
function filesFor (transport: string): string[] {
  const left = leftOut(transport)
  const known = [...FOLDERS, CONFORMANCE].flatMap(filesOf)
  const unknown = left.filter(name => !known.includes(name))
  if (unknown.length > 0) throw new Error(`no such tests: ${unknown.join(', ')}`)
  if (!isConformance) return FOLDERS.map(folder => `dist/test/${folder}/all.js`)
  return filesOf(CONFORMANCE).filter(name => !left.includes(name)).map(name => `dist/test/${name}.test.js`)
}

const args = process.argv.slice(2)
const chosen = args.filter(arg => arg in NOT_OVER)
const isConformance = args.includes(CONFORMANCE)
const options = [
  '--timeout=600', ...isConformance ? ['--jobs=2'] : [],
  ...args.filter(arg => arg !== CONFORMANCE && !chosen.includes(arg))
]
// Made once for all processes.
await selfSigned()
for (const transport of chosen.length > 0 ? chosen : Object.keys(NOT_OVER)) {
  console.log(`# over ${transport}`)
  const tap = spawn('npx', ['tap', '--disable-coverage', ...options, ...filesFor(transport)], {
    cwd: ROOT, stdio: 'inherit', env: { ...process.env, TEST_TRANSPORT: transport }
  })
  const [code] = await once(tap, 'exit')
  if (code !== 0) process.exitCode = 1
}
