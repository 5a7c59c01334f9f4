/** The names that browsers, other clients and proxies put on a handshake, as they write them. */
const NAMES = new Map([
  'Host', 'Connection', 'Upgrade', 'Origin', 'Sec-WebSocket-Version', 'Sec-WebSocket-Key', 'Sec-WebSocket-Extensions',
  'Sec-WebSocket-Protocol', 'Pragma', 'Cache-Control', 'User-Agent', 'Accept', 'Accept-Encoding', 'Accept-Language',
  'Authorization', 'Cookie', 'Sec-Fetch-Dest', 'Sec-Fetch-Mode', 'Sec-Fetch-Site', 'X-Forwarded-For', 'X-Forwarded-Host',
  'X-Forwarded-Port', 'X-Forwarded-Proto', 'X-Real-IP', 'Forwarded', 'Via'
].flatMap(name => [[name, name], [name.toLowerCase(), name.toLowerCase()]]))

/**
 * Puts one string for all requests in place of each known name. Node's parser makes new ones for every request, and that
 * of a handshake lives as long as its connection.
 *
 * @param rawHeaders names and values in turn
 */
export function shareNames (rawHeaders: string[]): void {
  for (let i = 0; i < rawHeaders.length; i += 2) rawHeaders[i] = NAMES.get(rawHeaders[i]!) ?? rawHeaders[i]!
}
