import type { Line, LineOwner, Target } from '../client/line.ts'
import { Handshake } from './handshake.ts'
import { Origins } from './negotiation.ts'
import { NodeLine } from './node-line.ts'
import { type NodeLineOptions, settingsOf } from './options.ts'
import { UpgradeRequest } from './upgrade-request.ts'

/**
 * Opens lines by this package's own client role, over HTTP/1.1 or HTTP/2. A handshake has no time limit of its own: whoever dials
 * drops the line. What cannot be a line is thrown, as by any `Dial`; of its signal there is no need.
 *
 * @throws {FST_ERR_WS_CLIENT_OPTION} an option is wrong
 */
export function createDial (options: NodeLineOptions = {}): (target: Target, owner: LineOwner) => Line {
  const settings = settingsOf(options)
  const origins = new Origins(settings)
  return (target, owner) => new NodeLine(owner, settings, line => {
    const handshake = new Handshake(target, settings)
    if (settings.http2 && handshake.url.protocol === 'wss:') return origins.open(handshake, line)
    return new UpgradeRequest(handshake, line, settings)
  })
}
