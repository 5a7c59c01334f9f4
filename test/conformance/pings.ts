import { failed, ping, pong, pongBack, type Row } from './row.ts'

const BYTES = Buffer.from('00fffefdfcfb00ff', 'hex')
const LONG = Buffer.alloc(125, 0xfe)
const TEN = Array.from({ length: 10 }, (_, index) => `ping number ${index}`)

/** Group 2: pings and pongs. */
export const PINGS: Row[] = [
  {
    id: '2.1', name: 'a ping without a payload', rfc: 'RFC 6455 §5.5.2, §5.5.3',
    peer: [ping()], answers: [pongBack()]
  },
  {
    id: '2.2', name: 'a ping with text', rfc: 'RFC 6455 §5.5.2, §5.5.3', peer: [ping('Hello, world!')],
    answers: [pongBack('Hello, world!')]
  },
  {
    id: '2.3', name: 'a ping with bytes that are not text', rfc: 'RFC 6455 §5.5.2, §5.5.3',
    peer: [ping(BYTES)], answers: [pongBack(BYTES)]
  },
  { id: '2.4', name: 'a ping of 125 bytes', rfc: 'RFC 6455 §5.5', peer: [ping(LONG)], answers: [pongBack(LONG)] },
  {
    id: '2.5', name: 'a ping of 126 bytes', rfc: 'RFC 6455 §5.5',
    peer: [ping(Buffer.alloc(126, 0xfe))], answers: [failed(1002)]
  },
  {
    id: '2.6', name: 'a ping of 125 bytes, byte by byte', rfc: 'RFC 6455 §5.5',
    peer: [ping(LONG)], answers: [pongBack(LONG)], cut: 1
  },
  { id: '2.7', name: 'a pong that nothing asked for', rfc: 'RFC 6455 §5.5.3', peer: [pong()], answers: [] },
  {
    id: '2.8', name: 'a pong with a payload that nothing asked for', rfc: 'RFC 6455 §5.5.3',
    peer: [pong('unasked')], answers: []
  },
  {
    id: '2.9', name: 'a pong that nothing asked for, then a ping', rfc: 'RFC 6455 §5.5.3',
    peer: [pong('unasked'), ping('asked')], answers: [pongBack('asked')]
  },
  {
    id: '2.10', name: 'ten pings', rfc: 'RFC 6455 §5.5.3',
    peer: TEN.map(text => ping(text)), answers: TEN.map(pongBack)
  },
  {
    id: '2.11', name: 'ten pings, byte by byte', rfc: 'RFC 6455 §5.5.3',
    peer: TEN.map(text => ping(text)), answers: TEN.map(pongBack), cut: 1
  }
]
