/*
 * One chat in two processes: rooms with a history, who is there, and clients that resume. Redis is between the processes and nginx
 * in front of them. One command starts all four, and starts again what you end:
 *
 *   node dist/examples/two-nodes.js
 *
 * Open http://127.0.0.1:3000 in two windows, and talk. Then type `kill A`, `restart B` or `kill redis`, and watch: no message is
 * lost, none comes twice, and nobody leaves. Needs redis-server (6.2 or later) and nginx, and says how to get them.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets, { errors } from 'fastify-sockets'
import { redis } from 'fastify-sockets/redis'
import { Redis } from 'ioredis'

const PORT = Number(process.env.PORT ?? 3000)
const [PORT_A, PORT_B, PORT_REDIS] = [PORT + 1, PORT + 2, PORT + 3] as const
const REDIS_URL = process.env.REDIS_URL ?? `redis://127.0.0.1:${PORT_REDIS}`

/** Milliseconds until what has ended is started again. */
const PAUSE = Number(process.env.PAUSE ?? 3000)

// One of the two processes: this is what your server would look like.

const params = Type.Object({ room: Type.String({ minLength: 1, maxLength: 50 }) })
const querystring = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 30 }),
  /** Where the client stands. */
  since: Type.Optional(Type.String({ maxLength: 200 }))
})
/** The client makes the id: if it gets no answer, it says the same once more, and it is still said once. */
const Say = Type.Object({ id: Type.String({ minLength: 1, maxLength: 50 }), text: Type.String({ minLength: 1, maxLength: 500 }) })
const Line = Type.Object({ type: Type.Literal('line'), at: Type.String(), from: Type.String(), text: Type.String() })
const send = Type.Union([
  Line,
  Type.Object({
    type: Type.Literal('welcome'), node: Type.String(), at: Type.String(), recovered: Type.Boolean(), here: Type.Array(Type.String())
  }),
  Type.Object({ type: Type.Literal('said'), id: Type.String() }),
  Type.Object({ type: Type.Literal('unsaid'), id: Type.String() })
])

async function serve (node: string, port: number) {
  const app = Fastify({ logger: { level: 'warn' }, trustProxy: 'loopback' }).withTypeProvider<TypeBoxTypeProvider>()
  app.register(sockets, {
    // It makes connections of its own, by duplicate(): this one need not be connected.
    backplane: redis(new Redis(REDIS_URL, { lazyConnect: true })),
    // A real application takes it from where its hooks have put it: see auth.ts.
    identify: request => (request.query as Static<typeof querystring>).name
  })

  const rooms = app.topic('/rooms/:room', {
    schema: { params, message: Line },
    history: { size: 1000, ttl: 600_000, position: 'at' },
    presence: {
      announce: ({ type, member }) => ({ type: 'line' as const, from: member.id, text: type === 'joined' ? 'is here' : 'has left' })
    },
    overflow: 'catch-up'
  })

  app.get('/rooms/:room', { ws: true, schema: { params, querystring, message: Say, send } }, async (socket, { params, query }) => {
    await socket.subscribe(rooms, params, {
      since: query.since,
      recent: 20, // who comes for the first time begins with the last lines
      async begin ({ recovered, at }) {
        const here = await rooms.members(params)
        socket.send({ type: 'welcome', node, at, recovered, here: here.map(({ id }) => id) })
      }
    })
    for await (const { id, text } of socket) {
      try {
        await rooms.publish(params, { type: 'line', from: query.name, text }, { id })
        socket.send({ type: 'said', id })
      } catch (error) {
        // Otherwise it would close the connection with 1013. The client keeps what it has to say, and tries again.
        if (!(error instanceof errors.FST_ERR_WS_BACKPLANE)) throw error
        socket.send({ type: 'unsaid', id })
      }
    }
  })

  // For a load balancer that asks: whether new clients should come here.
  let leaving = false
  app.get('/ready', async (_request, reply) => {
    const { backplane, size } = app.sockets
    if (leaving || backplane?.state === 'down') reply.code(503)
    return { node, leaving, backplane, sockets: size }
  })

  const page = await readFile(new URL('examples/two-nodes.html', import.meta.resolve('fastify-sockets/package.json')))
  app.get('/', (_request, reply) => { reply.type('text/html; charset=utf-8').send(page) })

  process.once('SIGTERM', () => {
    leaving = true
    // Sends every client away with 1001; nginx takes it to the other process.
    void app.close().then(() => { process.exit() })
  })
  // Not without the process that has started it.
  process.once('disconnect', () => { process.exit() })
  await app.listen({ host: '127.0.0.1', port })
}

// What follows starts everything: in production, that is systemd, Docker or Kubernetes.

const NGINX = `
daemon off;
pid nginx.pid;
error_log stderr crit;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${name};`).join(' ')}
  upstream nodes {
    # With max_fails, a process that is back would get one client at a time: nginx only trusts it once a connection has ended.
    server 127.0.0.1:${PORT_A} max_fails=0;
    server 127.0.0.1:${PORT_B} max_fails=0;
  }
  server {
    listen 127.0.0.1:${PORT};
    location / {
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      # A handshake that one of them does not answer, or refuses because it is closing, goes to the other.
      proxy_next_upstream error timeout http_503;
      proxy_connect_timeout 2s;
    }
  }
}
`

/** Debian has nginx where only root looks. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin:/usr/local/sbin` }

const isThere = (command: string) => spawnSync(command, ['-v'], { env, stdio: 'ignore' }).error === undefined

/** What is started, and started again when it has ended. */
class Part {
  readonly name: string
  readonly #start: () => ChildProcess
  #child: ChildProcess | null = null
  #isOver = false

  constructor (name: string, start: () => ChildProcess) {
    this.name = name
    this.#start = start
    this.#run()
  }

  /** With all processes that it has started. */
  signal (signal: 'SIGKILL' | 'SIGTERM') {
    const pid = this.#child?.pid
    if (pid !== undefined) process.kill(-pid, signal)
  }

  async end () {
    this.#isOver = true
    if (this.#child === null) return
    const exit = once(this.#child, 'exit')
    this.signal('SIGTERM')
    await exit
  }

  #run () {
    const child = this.#child = this.#start()
    console.log(`${this.name}: process ${child.pid}`)
    child.once('exit', async (code, signal) => {
      this.#child = null
      if (this.#isOver) return
      console.log(`${this.name} has ended (${signal ?? code}), and is started again in ${PAUSE / 1000} s`)
      await delay(PAUSE)
      if (!this.#isOver) this.#run()
    })
  }
}

async function startAll () {
  const folder = mkdtempSync(join(tmpdir(), 'two-nodes-'))
  // Groups of their own: Ctrl+C reaches only this process, which ends them in order.
  const run = (command: string, ...args: string[]) => spawn(command, args, {
    env, cwd: folder, detached: true, stdio: ['ignore', 'ignore', 'inherit']
  })
  const startNode = (name: string, port: number) => new Part(name, () => {
    return spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), name, String(port)], {
      detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc']
    })
  })

  const engines: Part[] = []
  if (process.env.REDIS_URL === undefined) {
    // It writes everything to the disk before it acknowledges it, so that nothing is lost when it is killed.
    engines.push(new Part('redis', () => run('redis-server', '--port', String(PORT_REDIS), '--bind', '127.0.0.1', '--dir', folder,
      '--save', '', '--appendonly', 'yes', '--appendfsync', 'always')))
  }
  const nodes = [startNode('A', PORT_A), startNode('B', PORT_B)]
  const proxies: Part[] = []
  if (isThere('nginx')) {
    writeFileSync(join(folder, 'nginx.conf'), NGINX)
    proxies.push(new Part('nginx', () => run('nginx', '-p', folder, '-c', join(folder, 'nginx.conf'))))
    console.log(`Open http://127.0.0.1:${PORT} in two windows.`)
  } else {
    console.log(`nginx is missing (apt-get install nginx, brew install nginx). Open http://127.0.0.1:${PORT_A} and http://127.0.0.1:${PORT_B}
instead: a client then cannot move to the other process, and waits until its own is back.`)
  }
  const parts = [...engines, ...nodes, ...proxies]
  console.log(`Type kill or restart and one of ${parts.map(({ name }) => name).join(', ')}. Ctrl+C ends all.`)

  createInterface({ input: process.stdin }).on('line', line => {
    const [, how, name] = /^(kill|restart) (\w+)$/.exec(line.trim()) ?? []
    const part = parts.find(part => part.name === name)
    if (part === undefined) console.log('kill A ends it at once, restart A in order')
    else part.signal(how === 'kill' ? 'SIGKILL' : 'SIGTERM')
  })
  let isEnding = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, async () => {
      if (isEnding) return
      isEnding = true
      for (const some of [nodes, proxies, engines]) await Promise.all(some.map(part => part.end()))
      rmSync(folder, { recursive: true, force: true })
      process.exit()
    })
  }
}

const [, , node, port] = process.argv
if (node !== undefined) {
  await serve(node, Number(port))
} else if (process.env.REDIS_URL !== undefined || isThere('redis-server')) {
  await startAll()
} else {
  console.error(`redis-server is missing. Install it (apt-get install redis-server, brew install redis), or start it elsewhere:

  docker run --rm -p 6379:6379 redis
  REDIS_URL=redis://127.0.0.1:6379 node ${process.argv[1]}`)
  process.exitCode = 1
}
