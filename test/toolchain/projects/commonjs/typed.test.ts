import Fastify from 'fastify'
import plugin, { CloseCode, errors, ProtocolError, sockets, type Socket } from 'fastify-sockets'
import check = require('../loading/check.cjs')

declare const test: (name: string, run: () => Promise<void>) => void
declare const expect: (value: unknown) => { toBe (other: unknown): void }

export const greet = (socket: Socket): boolean => socket.send('hello')
test('imported by TypeScript', async () => {
  expect(await check(plugin, { CloseCode, errors, ProtocolError, sockets }, Fastify)).toBe('works')
})
