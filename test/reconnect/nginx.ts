import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort, isListening } from '../support/ports.ts'
import { dyingWithUs, environment } from '../support/programs.ts'
import type { Stage } from './stage.ts'

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${name};`).join('\n')

export interface Nginx {
  port: number
  start (): Promise<void>
  stop (signal: 'SIGTERM' | 'SIGQUIT'): Promise<void>
  /** Old workers go at once, and their connections with them. */
  reload (): Promise<void>
}

/** nginx in front of a server, as in examples/nginx.conf but without TLS. */
export async function startNginx (stage: Stage, backend: number): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'))
  const port = await freePort()
  writeFileSync(join(folder, 'nginx.conf'), `
    worker_processes 1;
    worker_shutdown_timeout 1s;
    events {}
    http {
      ${TEMPORARY}
      access_log off;
      map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://127.0.0.1:${backend};
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
          proxy_set_header Host $http_host;
        }
      }
    }`)
  let child: ChildProcess
  const start = async (): Promise<void> => {
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', 'daemon off; pid nginx.pid; error_log stderr;']
    child = spawn(...dyingWithUs('nginx', args, 'TERM'), { env: environment(), stdio: ['ignore', 'ignore', 'ignore'] })
    while (!await isListening(port)) {
      if (child.exitCode !== null) throw new Error('nginx does not start (apt-get install nginx)')
      await wait(20)
    }
  }
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
  stage.defer(async () => {
    await stop('SIGTERM')
    rmSync(folder, { recursive: true })
  })
  await start()
  return {
    port,
    start,
    stop,
    async reload () {
      child.kill('SIGHUP')
      await wait(1500)
    }
  }
}
