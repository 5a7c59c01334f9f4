import Fastify from 'fastify'
import plugin, { CloseCode, errors, ProtocolError, sockets } from 'fastify-sockets'
import check from './check.cjs'

check(plugin, { CloseCode, errors, ProtocolError, sockets }, Fastify).then(console.log)
