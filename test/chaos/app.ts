/* The app of a round, as its plan has it. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as wait } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions } from 'fastify'
import sockets, { type SocketOptions } from 'fastify-sockets'
import { Random } from '../differential/random.ts'
import { Ledger } from '../soak/ledger.ts'
import { selfSigned } from '../support/certificate.ts'
import { act, type AnySocket, react, type Subject } from './acts.ts'
import { handle } from './handlers.ts'
import { Order } from './order.ts'
import { type Reaction, type RoundPlan, type RoutePlan, SWARM, type Transport, WITNESS } from './plan.ts'
import { derived } from './seeds.ts'

export const MESSAGE = {
  type: 'object',
  required: ['n', 'text'],
  additionalProperties: false,
  properties: { n: { type: 'integer' }, text: { type: 'string' } }
}

/** How often user code acts on one socket, at most. */
const ACTS = 40

/** An app, and what was seen on it. */
export interface Served {
  app: FastifyInstance
  ledger: Ledger
  /** What handlers have seen that must not be. */
  faults: string[]
  /** Ends what would outlive the app. */
  release (): void
}

export async function serverOptions (transport: Transport): Promise<FastifyServerOptions> {
  const http2 = transport === 'http2' || transport === 'http2s'
  const secure = transport === 'tls' || transport === 'http2s'
  const https = secure ? { ...await selfSigned(), allowHTTP1: true } : undefined
  return { ...http2 ? { http2 } : {}, ...https ? { https } : {} } as FastifyServerOptions
}

export async function createApp (plan: RoundPlan): Promise<Served> {
  const { seed, transport, drain, routes } = plan
  const app = Fastify(await serverOptions(transport)) as unknown as FastifyInstance
  const served: Served = { app, ledger: new Ledger(), faults: [], release: () => {} }
  app.register(sockets, { drain })
  const subjects = new WeakMap<AnySocket, Subject>()
  const subjectOf = (socket: AnySocket): Subject => {
    let subject = subjects.get(socket)
    if (subject === undefined) {
      const route = socket.request.routeOptions.config as unknown as RoutePlan
      const id = idOf(socket.request)
      const random = new Random(derived(seed, id + 0x10000000))
      const isOfSwarm = id >= SWARM
      subjects.set(socket, subject = { app, socket, route, random, isOfSwarm, left: isOfSwarm ? 0 : ACTS })
    }
    return subject
  }
  for (const route of routes) declare(served, route, subjectOf)
  app.get(WITNESS, { ws: { heartbeat: false } }, socket => {
    socket.on('message', message => { socket.send(message) })
  })
  served.release = subscribeAll(plan, subjectOf)
  return served
}

export function idOf (request: FastifyRequest): number {
  return Number((request.query as { id?: string }).id ?? 0)
}

function declare ({ app, ledger, faults }: Served, route: RoutePlan, subjectOf: (socket: AnySocket) => Subject): void {
  const { handshake } = route
  const reaction = (what: Reaction | null) => what === null ? undefined
    : (socket: AnySocket) => react(what, subjectOf(socket))
  const [onInvalidMessage, onError, onDrain] = [route.onInvalidMessage, route.onError, route.onDrain].map(reaction)
  const ws: SocketOptions = {
    ...route.ws,
    ...onInvalidMessage && { onInvalidMessage: (_error, socket) => onInvalidMessage(socket) },
    ...onError && { onError: (_error, socket) => onError(socket) },
    ...onDrain && { onDrain }
  }
  app.get(route.path, {
    ws,
    config: route as object,
    attachValidation: route.attachesValidation,
    schema: { ...route.takesJson && { message: MESSAGE }, ...route.sendsJson && { send: MESSAGE } },
    preHandler: async (request, reply) => {
      if (handshake === 'slow') await wait(idOf(request) % 90)
      if (handshake === 'refused') return reply.code(401).send({ error: 'no' })
    }
  }, (socket, request) => {
    const id = idOf(request)
    ledger.open(id, socket)
    return handle(subjectOf(socket), new Order(`client ${id} on ${route.path}`, faults))
  })
}

function subscribeAll ({ seed, channels }: RoundPlan, subjectOf: (socket: AnySocket) => Subject): () => void {
  const random = new Random(derived(seed, 7))
  let depth = 0
  const listener = (message: unknown): void => {
    const { socket } = message as { socket: AnySocket }
    if (depth > 0 || socket.request.routeOptions.url === WITNESS || !random.chance(0.03)) return
    depth++
    try {
      act(subjectOf(socket))
    } catch {
      // For a subscriber that throws Node ends the process.
    }
    depth--
  }
  for (const channel of channels) subscribe(`fastify-sockets.${channel}`, listener)
  return () => { for (const channel of channels) unsubscribe(`fastify-sockets.${channel}`, listener) }
}
