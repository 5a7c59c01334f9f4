/* The client for Node's own WebSocket: a visit per line of JSON in, a report per line out. */
import { createInterface } from 'node:readline'
import { visit } from './web-socket.ts'

for await (const line of createInterface({ input: process.stdin })) {
  const { url, ...plan } = JSON.parse(line)
  console.log(JSON.stringify(await visit(url, plan)))
}
