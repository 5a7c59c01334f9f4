import { backplaneTests } from 'fastify-sockets/backplane-tests'
import { t, test } from 'tap'
import { NatsServer } from './nats-server.ts'
import { natsOptions } from './nats-subject.ts'

const server = await NatsServer.start(t)
for (const { name, run } of backplaneTests(natsOptions(server, 2500))) if (name.startsWith('topics')) test(name, run)
