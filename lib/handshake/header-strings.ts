/** Headers that browsers, other clients and proxies put on a handshake, in their spelling. */
const NAMES = [
  'Authorization', 'Cookie', 'Sec-WebSocket-Key', 'Sec-WebSocket-Protocol', 'X-Forwarded-For', 'X-Forwarded-Host',
  'X-Forwarded-Port', 'X-Forwarded-Proto', 'X-Real-IP', 'Forwarded', 'Via'
]
/** Headers whose value is the same for many clients. */
const COMMON = [
  'Host', 'Connection', 'Upgrade', 'Origin', 'Sec-WebSocket-Version', 'Sec-WebSocket-Extensions',
  'Pragma', 'Cache-Control', 'User-Agent', 'Accept', 'Accept-Encoding', 'Accept-Language',
  'Sec-Fetch-Dest', 'Sec-Fetch-Mode', 'Sec-Fetch-Site'
]

interface Known {
  name: string
  /** The last value seen, where the next one is likely to be the same; otherwise null. */
  value: string | null
}

const known = new Map<string, Known>()
for (const name of NAMES) for (const form of [name, name.toLowerCase()]) known.set(form, { name: form, value: null })
for (const name of COMMON) for (const form of [name, name.toLowerCase()]) known.set(form, { name: form, value: '' })

/**
 * Replaces each known name, and each value equal to the last one, with a string shared by all requests. Node's parser
 * makes new strings for every request, and a handshake's request lives as long as its connection.
 *
 * @param rawHeaders names and values in turn; Node must not have made the object of headers yet
 */
export function shareStrings (rawHeaders: string[]): void {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const shared = known.get(rawHeaders[i]!)
    if (shared === undefined) continue
    rawHeaders[i] = shared.name
    if (shared.value === null) continue
    if (shared.value === rawHeaders[i + 1]) rawHeaders[i + 1] = shared.value
    else shared.value = rawHeaders[i + 1]!
  }
}
