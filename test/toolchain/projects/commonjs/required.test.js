const sockets = require('fastify-sockets')
const Fastify = require('fastify')
const check = require('../loading/check.cjs')

test('required', async () => {
  expect(await check(sockets, sockets, Fastify)).toBe('works')
})
