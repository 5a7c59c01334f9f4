import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import type { Direction } from '../../lib/deflate/negotiate.ts'
import type { Role } from '../../lib/protocol/frame-decoder.ts'
import type { Outcome } from '../support/decode.ts'

interface ReceiverOptions {
  isServer: boolean
  maxPayload: number
  allowSynchronousEvents: boolean
  skipUTF8Validation: boolean
  extensions: object
}

interface Deflate {
  params: Record<string, unknown>
  cleanup: () => void
}

type DeflateClass = new (options: { isServer: boolean, maxPayload: number }) => Deflate
type ReceiverClass = new (options: ReceiverOptions) => Writable

const require = createRequire(import.meta.url)
// By their paths: the package exports neither the symbol nor its own version.
const folder = dirname(require.resolve('ws'))
const Receiver = require(join(folder, 'lib/receiver.js')) as ReceiverClass
const PerMessageDeflate = require(join(folder, 'lib/permessage-deflate.js')) as DeflateClass
export const wsVersion = (require(join(folder, 'package.json')) as { version: string }).version

/** The receiver puts the close code of a violation on the error under a symbol of its own. */
const { kStatusCode } = require(join(folder, 'lib/constants.js')) as { kStatusCode: symbol }

/** The other side: the receiver of `ws`, as `decode` has ours. Everything happens inside of `write`. */
export function receive (role: Role, chunks: readonly Uint8Array[], maxPayload: number): Outcome {
  const outcome: Outcome = { events: [], code: 0, message: '', taken: 0 }
  const receiver = new Receiver({
    isServer: role === 'server', maxPayload, allowSynchronousEvents: true, skipUTF8Validation: false, extensions: {}
  })
  const closed = watch(receiver, outcome)
  for (const chunk of chunks) {
    outcome.taken++
    receiver.write(Buffer.from(chunk))
    if (receiver.errored !== null) {
      fail(outcome, receiver.errored)
      break
    }
    if (closed()) break
  }
  return outcome
}

/** The same with permessage-deflate. Frames that are compressed are inflated in the thread pool. */
export async function receiveCompressed (
  role: Role, chunks: readonly Uint8Array[], { contextTakeover, windowBits }: Direction, maxPayload: number
): Promise<Outcome> {
  const outcome: Outcome = { events: [], code: 0, message: '', taken: 0 }
  const isServer = role === 'server'
  const peer = isServer ? 'client' : 'server'
  const deflate = new PerMessageDeflate({ isServer, maxPayload })
  deflate.params = { [`${peer}_max_window_bits`]: windowBits, [`${peer}_no_context_takeover`]: !contextTakeover }
  const receiver = new Receiver({
    isServer,
    maxPayload,
    allowSynchronousEvents: true,
    skipUTF8Validation: false,
    extensions: { 'permessage-deflate': deflate }
  })
  const closed = watch(receiver, outcome)
  for (const chunk of chunks) {
    outcome.taken++
    const error = await new Promise<Error | null | undefined>(resolve => {
      receiver.write(Buffer.from(chunk), resolve)
    })
    if (error) fail(outcome, error)
    if (error || closed()) break
  }
  deflate.cleanup()
  return outcome
}

/** Notes the receiver's events. Returns whether it has read a close frame. */
function watch (receiver: Writable, outcome: Outcome): () => boolean {
  let closed = false
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    outcome.events.push(isBinary ? `binary ${data.toString('latin1')}` : `text ${data.toString()}`)
  })
  receiver.on('ping', (data: Buffer) => outcome.events.push(`ping ${data.toString('latin1')}`))
  receiver.on('pong', (data: Buffer) => outcome.events.push(`pong ${data.toString('latin1')}`))
  receiver.on('conclude', (code: number, reason: Buffer) => {
    closed = true
    outcome.events.push(`close ${code} ${reason.toString()}`)
  })
  // Known from `errored` before the event comes.
  receiver.on('error', () => {})
  return () => closed
}

function fail (outcome: Outcome, error: Error): void {
  const code = (error as Error & Record<symbol, unknown>)[kStatusCode]
  if (typeof code !== 'number') throw error
  outcome.code = code
  outcome.message = error.message
}
