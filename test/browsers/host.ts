import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import sockets, { type Socket } from 'fastify-sockets'
import type { Test } from 'tap'
import { until } from '../support/until.ts'
import { startRawAnswers } from './raw-answers.ts'
import { SilentRelay } from '../support/silent-relay.ts'
import { addRoutes, Witness } from './routes.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** What a page reports of one check. */
export interface Report {
  name: string
  /** An empty string: it passed. */
  error: string
  milliseconds: number
}

/** All that a page has reported. */
export interface Run {
  reports: Report[]
  /** What it says of itself at its end; null until then. */
  end: { userAgent: string, count: number, faults: string[] } | null
}

/** The host of the page, the servers that it connects to, and what it may ask of them. */
export interface Host {
  /** Such as `http://127.0.0.1:41234`, the origin of the page. */
  url: string
  run (id: string): Run
  /** What has been asked for besides sockets. */
  requested: string[]
  witness: Witness
  relay (port: number): SilentRelay
  control: Record<string, (args: any) => unknown>
  close (): Promise<void>
}

/** No eval, nothing from elsewhere, no script that is not named. */
const POLICY = "default-src 'none'; script-src 'self' 'nonce-page'; worker-src 'self'; connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*"

/** An import map, as the README shows it. Workers have none. */
const PAGE = `<!doctype html><title>checks</title>
<script type="importmap" nonce="page">{ "imports": {
  "fastify-sockets/client": "/client.js", "fastify-sockets/contract": "/contract.js"
} }</script>
<script type="module" src="/start.js"></script>`

/** How the checks are started: in the page, or by it in a worker. */
const SCRIPTS: Record<string, string> = {
  '/start.js': `
    const place = new URLSearchParams(location.search).get('in')
    const url = \`/worker.js\${location.search}\`
    if (place === 'worker') new Worker(url, { type: 'module' })
    else if (place === 'shared') new SharedWorker(url, { type: 'module' }).port.start()
    else if (place === 'window') import('/window.js')
    else if (place === 'life') import('/life.js')`,
  '/window.js': `
    import * as client from 'fastify-sockets/client'
    import * as contract from 'fastify-sockets/contract'
    import { run } from '/page/run.js'
    run({ ...client, ...contract }, location)`,
  '/worker.js': `
    import * as client from '/client.js'
    import * as contract from '/contract.js'
    import { run } from '/page/run.js'
    run({ ...client, ...contract }, location)`,
  '/life.js': `
    import * as client from 'fastify-sockets/client'
    import { live } from '/page/life.js'
    live(client)`
}

export async function startHost (t: Test): Promise<Host> {
  const witness = new Witness()
  const runs = new Map<string, Run>()
  const relays = new Map<number, SilentRelay>()
  /** Servers that a check stops and starts, by port. */
  const spares = new Map<number, FastifyInstance | null>()
  const publishers = new Map<FastifyInstance, (room: string, n: number) => Promise<unknown>>()
  const raw = await startRawAnswers()

  async function startServer (port = 0): Promise<FastifyInstance> {
    const app = Fastify({ forceCloseConnections: true })
    app.register(sockets, { origin: true })
    app.register(async scope => { publishers.set(app, addRoutes(scope, witness)) })
    await app.listen({ port, host: '127.0.0.1' })
    return app
  }

  const other = await startServer()
  const app = Fastify({ forceCloseConnections: true })
  app.register(sockets)
  app.register(async scope => { addRoutes(scope, witness) })
  const portOf = (server: FastifyInstance): number => (server.server.address() as AddressInfo).port

  const control: Host['control'] = {
    ports: () => ({ other: portOf(other), raw: raw.port }),
    seen: ({ key }) => witness.of(key),
    rawConnections: ({ url }) => raw.connections(url),
    async spare () {
      const server = await startServer()
      const port = portOf(server)
      spares.set(port, server)
      return { port }
    },
    async stop ({ port }) {
      const server = spares.get(port)
      spares.set(port, null)
      await server?.close()
    },
    async start ({ port }) { spares.set(port, await startServer(port)) },
    async relay ({ to }) {
      const relay = await SilentRelay.to(() => to ?? portOf(other))
      relays.set(relay.port, relay)
      return { port: relay.port }
    },
    silence: ({ port }) => relays.get(port)!.silence(),
    relayed: ({ port }) => ({ connections: relays.get(port)!.connections, sent: relays.get(port)!.sent }),
    /** Publishes `count` lines, and cuts the socket of the room again and again meanwhile: while it is there, and soon after. */
    async stream ({ room, count, key }) {
      const socketsOf = (): Array<Socket<any, any>> => [...other.sockets].filter(socket => (socket.request.query as { key?: string }).key === key)
      for (let n = 1; n <= count; n++) {
        await publishers.get(other)!(room, n)
        if (n % 50 === 20) for (const socket of socketsOf()) socket.terminate()
        if (n % 50 === 0) await until(() => socketsOf().length > 0, 'the socket of the room to come back')
        await new Promise(resolve => { setTimeout(resolve, 2) })
      }
    }
  }

  const requested: string[] = []
  const scriptOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
  app.addHook('onRequest', async request => {
    if (!request.url.startsWith('/control/') && request.headers.upgrade === undefined) requested.push(request.url)
  })
  app.get('/', async (_request, reply) => reply.type('text/html').header('Content-Security-Policy', POLICY).send(PAGE))
  app.get('/away', async (_request, reply) => reply.type('text/html').send('<!doctype html><title>away</title>'))
  app.get('/favicon.ico', async (_request, reply) => reply.code(204).send())
  app.get<{ Params: { name: string } }>('/:name.js', async ({ params, url }, reply) => {
    const script = SCRIPTS[url.replace(/\?.*/, '')] ?? scriptOf(`dist/browser/${params.name}.js`)
    // Workers take their policy from here.
    return reply.type('text/javascript').header('Content-Security-Policy', POLICY).send(script)
  })
  app.get<{ Params: { name: string } }>('/page/:name.js', async ({ params }, reply) => {
    return reply.type('text/javascript').send(scriptOf(`dist/test/browsers/page/${params.name}.js`))
  })
  app.post<{ Params: { what: string }, Body: any }>('/control/:what', async ({ params, body }) => {
    return await control[params.what]!(body ?? {}) ?? {}
  })
  const run = (id: string): Run => {
    if (!runs.has(id)) runs.set(id, { reports: [], end: null })
    return runs.get(id)!
  }
  control.report = ({ id, ...report }) => { run(id).reports.push(report) }
  control.end = ({ id, ...end }) => { run(id).end = end }
  await app.listen({ port: 0, host: '127.0.0.1' })

  const host: Host = {
    url: `http://127.0.0.1:${portOf(app)}`,
    run,
    requested,
    witness,
    relay: port => relays.get(port)!,
    control,
    async close () {
      await Promise.all([...relays.values()].map(relay => relay.close()))
      await raw.close()
      for (const server of [app, other, ...spares.values()]) {
        for (const socket of server?.sockets ?? []) socket.terminate()
        await server?.close()
      }
    }
  }
  t.teardown(host.close)
  return host
}
