import type { FastifyRequest } from 'fastify'
import { type App, type Code, isFailing } from './place.ts'

/** A hook of any name and style: it calls its callback, or fails. */
export function hook (code: Code): any {
  return (...args: any[]) => code(args.at(-1))
}

export function route (app: App, options: object = {}): void {
  app.get('/', { ws: true, ...options }, socket => { socket.on('message', message => socket.send(message)) })
}

/** A route that refuses a handshake, for the code that then runs. */
export function refusingRoute (app: App): void {
  route(app, { preHandler: async (request: FastifyRequest) => { if (isFailing(request)) throw new Error('refused') } })
}

/** A route that leaves a handshake without an answer. */
export function stuckRoute (app: App, act: (request: FastifyRequest) => void = () => {}): void {
  route(app, {
    preHandler: async (request: FastifyRequest) => {
      if (!isFailing(request)) return
      act(request)
      await new Promise(() => {})
    }
  })
}
