/* Where a process is that does not answer: asks V8's inspector, which has a thread of its own. */
import { setTimeout as wait } from 'node:timers/promises'
import { WebSocket } from 'ws'

interface Frame {
  functionName: string
  location: { scriptId: string, lineNumber: number }
}

/**
 * The stack of a process whose inspector listens there, from the innermost function on; empty if it runs no JavaScript.
 *
 * @param patience how long it may take, in milliseconds
 */
export async function stackOf (inspector: string, patience: number): Promise<string[]> {
  const client = new WebSocket(inspector)
  const urls = new Map<string, string>()
  client.on('error', () => {})
  const paused = new Promise<Frame[]>(resolve => {
    client.on('open', () => {
      client.send(JSON.stringify({ id: 1, method: 'Debugger.enable' }))
      client.send(JSON.stringify({ id: 2, method: 'Debugger.pause' }))
    })
    client.on('message', data => {
      const { method, params } = JSON.parse(String(data))
      if (method === 'Debugger.scriptParsed') urls.set(params.scriptId, params.url)
      else if (method === 'Debugger.paused') resolve(params.callFrames)
    })
  })
  const frames = await Promise.race([paused, wait(patience, [] as Frame[], { ref: false })])
  if (client.readyState === WebSocket.OPEN) client.send(JSON.stringify({ id: 3, method: 'Debugger.resume' }))
  client.close()
  return frames.map(({ functionName, location: { scriptId, lineNumber } }) => {
    const url = urls.get(scriptId) ?? ''
    return `${functionName || '(anonymous)'} ${url.replace(/^.*\/(dist|node_modules)\//, '$1/')}:${lineNumber + 1}`
  })
}
