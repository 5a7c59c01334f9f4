import { test } from 'tap'
import { driverSubject } from '../../lib/backplane-tests/driver-subject.ts'
import { driverTests } from '../../lib/backplane-tests/driver-tests.ts'
import { NatsServer } from './nats-server.ts'
import { natsOptions } from './nats-subject.ts'

const server = await NatsServer.start()
for (const { name, run } of driverTests(driverSubject(natsOptions(server)))) {
  test(name, { skip: process.env.ONLY !== undefined && !name.includes(process.env.ONLY) }, run)
}
test('the server ends', () => server.end())
