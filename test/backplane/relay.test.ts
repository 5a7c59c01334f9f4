import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Relay } from 'fastify-sockets/backplane-tests'
import { type Test, test } from 'tap'
import { until } from '../support/until.ts'

/** A relay to a server that says everything once more, and what the server has accepted. */
async function relayed (t: Test) {
  const accepted: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, socket => {
    accepted.push(socket)
    socket.on('error', () => {}).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const relay = await Relay.to({ port: (server.address() as AddressInfo).port })
  t.teardown(async () => {
    await relay.close()
    for (const socket of accepted) socket.destroy()
    server.close()
  })
  return { relay, accepted }
}

/** Connects, and keeps what comes and how it ends. */
function client (relay: Relay) {
  const socket = connect(relay.port, '127.0.0.1')
  const told = { socket, heard: '', error: '', isClosed: false }
  socket.on('data', bytes => { told.heard += bytes.toString() })
  socket.on('error', (error: NodeJS.ErrnoException) => { told.error = error.code! })
  socket.on('close', () => { told.isClosed = true })
  return told
}

test('a relay lets everything through, in both directions, and the end of it', async t => {
  const { relay } = await relayed(t)
  const one = client(relay)
  const text = 'x'.repeat(300_000)
  one.socket.end(text)
  await until(() => one.isClosed)
  t.equal(one.heard.length, text.length)
  t.equal(one.error, '')
})

test('cut, it resets what is connected and what comes, until it is mended', async t => {
  const { relay, accepted } = await relayed(t)
  const one = client(relay)
  one.socket.write('1')
  await until(() => one.heard === '1')
  relay.cut()
  await until(() => one.isClosed && accepted[0]!.destroyed)
  t.equal(one.error, 'ECONNRESET')
  const two = client(relay)
  await until(() => two.isClosed)
  t.equal(two.error, 'ECONNRESET')
  t.equal(accepted.length, 1, 'the server learns nothing of it')
  relay.mend()
  const three = client(relay)
  three.socket.write('3')
  await until(() => three.heard === '3')
})

test('a server that resets a connection, or is not there, resets that of the client', async t => {
  const { relay, accepted } = await relayed(t)
  const one = client(relay)
  one.socket.write('1')
  await until(() => one.heard === '1')
  accepted[0]!.resetAndDestroy()
  await until(() => one.isClosed)
  t.equal(one.error, 'ECONNRESET')
  const nowhere = await Relay.to({ port: relay.port })
  await relay.close()
  const two = client(nowhere)
  await until(() => two.isClosed)
  t.equal(two.error, 'ECONNRESET')
  await nowhere.close()
})

test('closed, it takes nothing, and closing it again does nothing', async t => {
  const { relay } = await relayed(t)
  const { port } = relay
  const one = client(relay)
  one.socket.write('1')
  await until(() => one.heard === '1')
  await relay.close()
  await relay.close()
  await until(() => one.isClosed)
  const two = connect(port, '127.0.0.1')
  const [error] = await once(two, 'error')
  t.equal(error.code, 'ECONNREFUSED')
})

test('a socket that has just been told of an end is closed as well', async t => {
  const { relay } = await relayed(t)
  const one = client(relay)
  one.socket.write('1')
  await until(() => one.heard === '1')
  const handles = (process as unknown as { _getActiveHandles (): Socket[] })._getActiveHandles()
  const accepted = handles.find(({ localPort, remotePort }) => localPort === relay.port && remotePort === one.socket.localPort)!
  // The end of it has been passed on by then, and is being sent.
  accepted.on('end', () => process.nextTick(() => process.nextTick(() => { void relay.close() })))
  one.socket.end()
  await until(() => one.isClosed)
  await until(() => !process.getActiveResourcesInfo().includes('TCPSocketWrap'), 'no socket to be left')
})
