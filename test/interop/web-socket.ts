/*
 * The client for the API of browsers, which Node has as well. Chromium loads this file as it was compiled: it imports
 * nothing.
 */
import type { Content, Message, Report, Visit } from './visit.ts'

export function visit (url: string, plan: Visit): Promise<Report> {
  const { protocols = [], send = [], replies = send.length, close } = plan
  return new Promise(resolve => {
    const report: Report = {
      opened: false, protocol: '', extensions: '', received: [], roundTrip: null, close: null, error: null
    }
    const socket = new WebSocket(url, protocols)
    socket.binaryType = 'arraybuffer'
    const closeWhenDone = (): void => {
      if (close !== undefined && report.received.length === replies) socket.close(close.code, close.reason)
    }
    socket.addEventListener('open', () => {
      report.opened = true
      report.protocol = socket.protocol
      report.extensions = socket.extensions
      for (const message of send) socket.send(payload(message))
      closeWhenDone()
    })
    socket.addEventListener('message', event => {
      report.received.push(content(event.data as string | ArrayBuffer))
      closeWhenDone()
    })
    socket.addEventListener('error', event => {
      report.error = (event as { message?: string }).message || event.type
    })
    socket.addEventListener('close', ({ code, reason }) => resolve({ ...report, close: { code, reason } }))
  })
}

function payload ({ kind, fragments }: Message): string | Uint8Array {
  if (fragments.length > 1) throw new Error('this API knows no fragments')
  if (kind === 'text') return fragments[0]!
  const letters = atob(fragments[0]!)
  const bytes = new Uint8Array(letters.length)
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i)
  return bytes
}

function content (message: string | ArrayBuffer): Content {
  if (typeof message === 'string') return { kind: 'text', data: message }
  let letters = ''
  for (const byte of new Uint8Array(message)) letters += String.fromCharCode(byte)
  return { kind: 'binary', data: btoa(letters) }
}
