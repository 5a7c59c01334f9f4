import { deepEqual, equal, ok } from 'node:assert/strict'
import * as fc from 'fast-check'
import { Connection } from '../../lib/connection/connection.ts'
import type { ConnectionOwner } from '../../lib/connection/owner.ts'
import type { Agreement, DeflateSettings } from '../../lib/deflate/negotiate.ts'
import { duplexPair } from '../../lib/testing/duplex-pair.ts'
import type { Role } from '../../lib/protocol/frame-decoder.ts'
import type { CloseInfo } from '../../types/socket.ts'
import { turn } from '../support/until.ts'
import { text } from './arbitraries.ts'
import { compressible, direction } from './compression.ts'
import { holds } from './holds.ts'

type Message = string | Buffer

const agreement: fc.Arbitrary<Agreement | null> =
  fc.option(fc.record({ server: direction, client: direction }), { freq: 5 })

const settings: fc.Arbitrary<DeflateSettings> = fc.record({
  threshold: fc.oneof(fc.constantFrom(0, 1, 1024), fc.nat({ max: 20_000 })),
  level: fc.integer({ min: 1, max: 9 }),
  memLevel: fc.integer({ min: 1, max: 9 }),
  contextTakeover: fc.boolean(),
  windowBits: fc.integer({ min: 9, max: 15 })
})

const message: fc.Arbitrary<Message> =
  fc.oneof(text, compressible, compressible.map(one => one.toString()), fc.constantFrom('', Buffer.alloc(0)))
const messages = fc.array(message, { maxLength: 6 })

const OPTIONS = {
  maxPayload: 1024 * 1024, highWaterMark: 65_536, maxBuffered: Infinity, closeTimeout: 5000, rate: null, clock: { now: 0 }
}

/** An end of a connection that notes what it is told. */
class End implements ConnectionOwner {
  readonly received: Message[] = []
  readonly faults: unknown[] = []
  readonly closed: Promise<CloseInfo>
  onClose!: (info: CloseInfo) => void

  constructor () {
    this.closed = new Promise(resolve => { this.onClose = resolve })
  }

  onText (message: string): void { this.received.push(message) }
  onBinary (message: Buffer): void { this.received.push(message) }
  onError (error: Error): void { this.faults.push(error) }
  onOverflow (): void { this.faults.push('overflow') }
  onOverRate (): void { this.faults.push('over rate') }
  onPing (): void {}
  onPong (): void {}
  onDrain (): void {}
}

function same (received: Message[], sent: Message[]): void {
  deepEqual(received.map(one => [typeof one, one.length]), sent.map(one => [typeof one, one.length]))
  ok(received.every((one, i) => Buffer.from(one as string).equals(Buffer.from(sent[i] as string))))
}

holds('what two connections send each other arrives as it was and in order, whatever they have agreed on', 120,
  fc.asyncProperty(agreement, settings, messages, messages, fc.boolean(), async (agreement, deflate, down, up, all) => {
    const [near, far] = duplexPair()
    const options = { ...OPTIONS, deflate }
    const open = (role: Role, duplex: typeof near, host: End): Connection =>
      new Connection(role, duplex, host, options, agreement)
    const [here, there] = [new End(), new End()]
    const [server, client] = [open('server', near, here), open('client', far, there)]
    server.start(Buffer.alloc(0))
    client.start(Buffer.alloc(0))
    for (const message of down) send(server, message)
    for (const message of up) send(client, message)
    // The close frame comes behind the messages of its own side; the other side's may still be on their way.
    if (all) {
      while (here.received.length < up.length || there.received.length < down.length) await turn()
      await turn()
      equal(server.bufferedAmount + client.bufferedAmount, 0)
    }
    server.close(4000, 'done')
    equal((await there.closed).code, 4000)
    equal((await here.closed).wasClean, true)
    same(there.received, down)
    same(here.received, all ? up : up.slice(0, here.received.length))
    deepEqual([...here.faults, ...there.faults], [])
  }))

function send (connection: Connection, message: Message): void {
  if (typeof message === 'string') connection.sendText(message)
  else connection.sendBinary(message)
}
