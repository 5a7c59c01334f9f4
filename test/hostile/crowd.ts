import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { SocketStats } from 'fastify-sockets'
import type { Test } from 'tap'
import type { WebSocket } from 'ws'
import { connect } from '../support/app.ts'
import { nextText } from '../support/handshakes.ts'
import { KIB, startServer } from './support.ts'

export const PEERS = 20
export const SIZE = 16 * KIB
/** What a message takes in a frame. */
export const FRAME = SIZE + 4
export const MAX_BUFFERED = 256 * KIB
/** Messages that a handler of `/patient` sends after it has waited for its peer once. */
export const AFTER_FIRST_WAIT = 100
export const CLOSE_TIMEOUT = 5000
/** What a connection may cost besides what waits: its objects, and those of its messages. */
export const OVERHEAD = 32 * KIB

/** What the server is asked to do, so many times; it answers with its figures. */
export interface Request {
  id: number
  name: 'figures' | 'collect' | 'send' | 'openGate' | 'passCloseTimeout'
  times?: number
}

export interface Figures extends SocketStats {
  /** Bytes in use in its process, of JavaScript and of buffers, when it was last told to collect what can be. */
  held: number
  /** `bufferedAmount` of a single socket, at most after a send. */
  mostBuffered: number
  /** Of each socket of the crowd. */
  droppedBySocket: number[]
  /** Messages that each was sent. */
  sent: number
  drains: number
  drained: number
  handled: number
  misplaced: number
}

/** What a message consists of behind its number: always the same byte. */
const FILLS = Array.from({ length: 256 }, (_, byte) => Buffer.alloc(SIZE - 4, byte))

/** A message that tells its number, in memory of its own. */
export function numbered (number: number): Buffer {
  const message = Buffer.allocUnsafeSlow(SIZE).fill(number)
  message.writeUInt32BE(number)
  return message
}

/** Its number, or -1 if it is not whole. */
export function numberOf (message: Buffer): number {
  const number = message.readUInt32BE()
  return message.subarray(4).equals(FILLS[number & 0xff]!) ? number : -1
}

/** The numbers of the messages that clients get from now on. */
export function numbers (clients: WebSocket[]): number[][] {
  return clients.map(client => {
    const found: number[] = []
    client.on('message', message => { found.push(numberOf(message as Buffer)) })
    return found
  })
}

/** The server in a process of its own, and what it says of itself. */
export class Crowd {
  readonly port: number
  readonly #t: Test
  readonly #child: ChildProcess
  readonly #other: WebSocket
  #lastId = 0

  private constructor (t: Test, port: number, child: ChildProcess, other: WebSocket) {
    this.#t = t
    this.port = port
    this.#child = child
    this.#other = other
  }

  static async start (t: Test): Promise<Crowd> {
    const { child, port } = await startServer(t, 'crowd-server.js')
    const other = await connect(port, '/echo')
    return new Crowd(t, port, child, other)
  }

  /** Connects the crowd, gone when the test ends. */
  async join (url: string): Promise<WebSocket[]> {
    const clients = await Promise.all(Array.from({ length: PEERS }, () => connect(this.port, url)))
    this.#t.teardown(() => { for (const client of clients) client.terminate() })
    return clients
  }

  /** A client that keeps the rules is served. */
  async othersAreServed (): Promise<void> {
    const answer = nextText(this.#other)
    this.#other.send('still there?')
    this.#t.equal(await answer, 'still there?')
  }

  /** Asks for something so many times; returns the figures then. */
  async ask (name: Request['name'], times = 1): Promise<Figures> {
    const id = ++this.#lastId
    this.#child.send({ id, name, times })
    for (;;) {
      const [answer] = await once(this.#child, 'message')
      if (answer.id === id) return answer.figures
    }
  }

  /** Asks again and again, until the figures are so. */
  async until (isTrue: (figures: Figures) => boolean, name: Request['name'] = 'figures', times = 1): Promise<Figures> {
    let figures
    do figures = await this.ask(name, times); while (!isTrue(figures))
    return figures
  }
}
