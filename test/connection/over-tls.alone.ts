// TLS hands on what it has decrypted even when it is told to stop, and HTTPS ends its sockets with the peer's side.
process.env.TEST_TRANSPORT = 'tls'

await import('./meter-hold.test.ts')
await import('./meter-pause.test.ts')
await import('../socket/inbox.test.ts')
