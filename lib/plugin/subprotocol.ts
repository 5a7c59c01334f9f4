import type { FastifyRequest } from 'fastify'
import type { SubprotocolChoice, SubprotocolPolicy } from '../../types/options.ts'
import { FST_ERR_WS_SUBPROTOCOL } from '../errors.ts'
import { logInfo, shown } from '../live/log.ts'
import { type HandshakeHeaders, offeredProtocols } from '../protocol/handshake.ts'
import { typeName } from '../socket/type-name.ts'

/**
 * Chooses one of the subprotocols that the client offers (RFC 6455 §4.2.2); an empty string for none.
 *
 * @throws {FST_ERR_WS_SUBPROTOCOL} when a function chooses one that was not offered
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
  // Browsers then fail the connection and barely say why.
  logInfo({ request }, { offered: shown(String(header)) },
    "none of the subprotocols that the client offers is chosen, so a browser fails the connection: see the WebSocket option 'protocols'")
  return ''
}

function ask (policy: SubprotocolChoice, offered: string[], request: FastifyRequest): string | undefined {
  // A copy, so that the function cannot change what we compare its choice with.
  const chosen: unknown = policy([...offered], request)
  if (chosen === false) return undefined
  if (typeof chosen === 'string' && offered.includes(chosen)) return chosen
  // The function is asynchronous; if it also rejects, nobody else would handle that.
  if (chosen instanceof Promise) chosen.catch(() => {})
  throw new FST_ERR_WS_SUBPROTOCOL(
    typeof chosen === 'string' ? `'${shown(chosen)}'` : typeName(chosen), shown(offered.join(', ')))
}
