import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { selfSigned } from '../support/certificate.ts'
import { ROOT } from '../support/handshakes.ts'
import { freePort, isListening } from '../support/ports.ts'

export type ProxyName = 'nginx' | 'haproxy'

/** A real proxy with the configuration of examples/, on a free port of 127.0.0.1. */
export interface Proxy {
  port: number
  /** `HTTP/2.0 200 /echo` for each request that has been answered and each WebSocket that has ended. */
  lines (): string[]
}

/** A text of the configuration, and what stands in its place. */
export type Change = readonly [from: string, to: string]

/** Debian has both where only root looks. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }

const EXAMPLES: Record<ProxyName, string> = { nginx: 'examples/nginx.conf', haproxy: 'examples/haproxy.cfg' }

/** Where nginx keeps what it cannot hold in memory; by default, a folder that only root may write to. */
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${name};`).join('\n')

/** A line for each request, for the test to read. */
const LOGS: Record<ProxyName, Change> = {
  nginx: ['http {\n', `http {
log_format lines '$server_protocol $status $request_uri';
access_log access.log lines;
${TEMPORARY}
`],
  haproxy: ['defaults\n  mode http\n', `global
  log stdout format raw daemon
defaults
  mode http
  log global
  log-format "%HV %ST %HU"
`]
}

/** Where it listens, and what it shows to clients. */
const PLACES: Record<ProxyName, (port: number, pem: string) => Change[]> = {
  nginx: (port, pem) => [
    ['listen 443', `listen 127.0.0.1:${port}`], ['/etc/ssl/example.com.pem', pem], ['/etc/ssl/example.com.key', pem]
  ],
  haproxy: (port, pem) => [['bind :443', `bind 127.0.0.1:${port}`], ['/etc/ssl/example.com.pem', pem]]
}

const ARGUMENTS: Record<ProxyName, (folder: string, file: string) => string[]> = {
  nginx: (folder, file) => ['-p', folder, '-c', file, '-g', 'daemon off; pid nginx.pid; error_log stderr;'],
  haproxy: (_folder, file) => ['-db', '-f', file]
}

/**
 * Starts a proxy in front of a server on 127.0.0.1; it ends with the test.
 *
 * @param changes made to the configuration first
 */
export async function startProxy (t: Test, name: ProxyName, server: number, changes: Change[] = []): Promise<Proxy> {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  const [pem, port] = [join(folder, 'tls.pem'), await freePort()]
  const { key, cert } = await selfSigned()
  writeFileSync(pem, key + cert)
  const configuration = changed(readFileSync(join(ROOT, EXAMPLES[name]), 'utf8'),
    ...changes, ['127.0.0.1:3000', `127.0.0.1:${server}`], ...PLACES[name](port, pem), LOGS[name])
  const file = join(folder, 'proxy.conf')
  writeFileSync(file, configuration)
  // A test that takes too long is killed, without its teardown.
  const child = spawn('setpriv', [
    '--pdeathsig', 'TERM', name, ...ARGUMENTS[name](folder, file)
  ], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  const complaints: string[] = []
  createInterface({ input: child.stdout }).on('line', line => { output.push(line) })
  createInterface({ input: child.stderr }).on('line', line => { complaints.push(line) })
  const exit = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await exit
    rmSync(folder, { recursive: true })
  })
  while (!await isListening(port)) {
    if (child.exitCode !== null) {
      throw new Error(`${name} does not start (apt-get install ${name}): ${complaints.join('\n')}`)
    }
    await delay(20)
  }
  const lines = (): string[] => {
    const all = name === 'nginx' ? readFileSync(join(folder, 'access.log'), 'utf8').split('\n') : output
    return all.filter(line => line.startsWith('HTTP/'))
  }
  return { port, lines }
}

function changed (text: string, ...changes: Change[]): string {
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`no '${from}' in the configuration`)
    return text.replaceAll(from, to)
  }, text)
}
