import Fastify from 'fastify'
import plugin, { CloseCode, errors, ProtocolError, sockets, type Socket } from 'fastify-sockets'
import check = require('../loading/check.cjs')

export const greet = (socket: Socket): boolean => socket.send('hello')
check(plugin, { CloseCode, errors, ProtocolError, sockets }, Fastify).then(console.log)
