// Ends of connections, and pings, are to be as they are over TCP.
process.env.TEST_TRANSPORT = 'http2'

await import('../connection/cut.test.ts')
await import('../connection/meter-hold.test.ts')
await import('../hostile/pings.alone.ts')
await import('../handshake/abandoned.test.ts')
