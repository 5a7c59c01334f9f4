const sockets = require('fastify-sockets')
const Fastify = require('fastify')
const check = require('./check.cjs')

if (sockets.default !== sockets) throw new Error('the default is not the plugin')
check(sockets, sockets, Fastify).then(console.log)
