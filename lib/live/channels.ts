import { channel } from 'node:diagnostics_channel'

/*
 * The channels of node:diagnostics_channel. types/diagnostics.ts has the types of their messages; none is made unless
 * somebody has subscribed.
 */

export const handshakes = channel('fastify-sockets.handshake')
export const refusals = channel('fastify-sockets.refusal')
export const openings = channel('fastify-sockets.open')
export const messagesIn = channel('fastify-sockets.message.in')
export const messagesOut = channel('fastify-sockets.message.out')
export const failures = channel('fastify-sockets.error')
export const endings = channel('fastify-sockets.close')
export const publications = channel('fastify-sockets.publish')
export const subscriptions = channel('fastify-sockets.subscribe')
export const unsubscriptions = channel('fastify-sockets.unsubscribe')
export const backplanes = channel('fastify-sockets.backplane')
