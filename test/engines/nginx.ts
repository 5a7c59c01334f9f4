import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './until.ts'
import { freePort, isListening } from '../support/ports.ts'
import { dyingWithUs, environment } from '../support/programs.ts'
import { type Owner } from './servers.ts'

/**
 * One that spreads connections over these ports. A server that refuses is not left out for a while, which is what `max_fails`
 * would do: nginx takes it back with the first request that has ended well, and a WebSocket ends late. Until then it would get
 * one connection a second, and all of them together no more than that if each has been restarted.
 */
function configuration (port: number, servers: readonly number[]): string {
  return `
daemon off;
pid nginx.pid;
error_log stderr crit;
worker_processes 1;
worker_rlimit_nofile 16000;
events { worker_connections 8000; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${name};`).join(' ')}
  upstream nodes {
    ${servers.map(server => `server 127.0.0.1:${server} max_fails=0;`).join(' ')}
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_next_upstream error timeout http_503;
      proxy_connect_timeout 2s;
    }
  }
}
`
}

/** @returns its port */
export async function startNginx (t: Owner, servers: readonly number[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'sockets-nginx-'))
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, configuration(port, servers))
  // It ends its own processes when it is told to end, and not when it is killed.
  const [program, args] = dyingWithUs('nginx', ['-p', folder, '-c', file], 'TERM')
  const child = spawn(program, args, { env: environment(), stdio: ['ignore', 'ignore', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', text => { complaints = (complaints + text).slice(-4000) })
  const exit = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await exit
    rmSync(folder, { recursive: true, force: true })
  })
  await until(() => {
    if (child.exitCode !== null) throw new Error(`nginx ended (apt-get install nginx): ${complaints}`)
    return isListening(port)
  }, 'nginx listens')
  return port
}
