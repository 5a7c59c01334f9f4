import type { FastifyRequest } from 'fastify'
import type { SubprotocolChoice, SubprotocolPolicy } from '../../types/options.ts'
import { FST_ERR_WS_SUBPROTOCOL } from '../errors.ts'
import { logInfo, shown } from '../live/log.ts'
import { type HandshakeHeaders, offeredProtocols } from '../protocol/handshake.ts'
import { typeName } from '../socket/type-name.ts'

/**
 * The subprotocol of a handshake, of those that its client offers (RFC 6455 §4.2.2); an empty string for none.
 *
 * @throws {FST_ERR_WS_SUBPROTOCOL} a function has chosen what was not offered
 */
export function chooseProtocol (policy: SubprotocolPolicy, request: FastifyRequest): string {
  const headers = request.raw.headers as HandshakeHeaders
  const header = headers['sec-websocket-protocol']
  if (header === undefined) return ''
  const offered = offeredProtocols(headers)!
  const chosen = typeof policy === 'function'
    ? ask(policy, offered, request)
    : policy.find(protocol => offered.includes(protocol))
  if (chosen !== undefined) return chosen
  // Browsers fail the connection then, and say little of why.
  logInfo({ request }, { offered: shown(String(header)) },
    "no subprotocol that the client offers is chosen, which browsers take for a failure: see the WebSocket option 'protocols'")
  return ''
}

function ask (policy: SubprotocolChoice, offered: string[], request: FastifyRequest): string | undefined {
  // A copy: what the function does to its argument is not what the client has offered.
  const chosen: unknown = policy([...offered], request)
  if (chosen === false) return undefined
  if (typeof chosen === 'string' && offered.includes(chosen)) return chosen
  // Of an asynchronous function, which may fail as well.
  if (chosen instanceof Promise) chosen.catch(() => {})
  throw new FST_ERR_WS_SUBPROTOCOL(
    typeof chosen === 'string' ? `'${shown(chosen)}'` : typeName(chosen), shown(offered.join(', ')))
}
