import type { Test } from 'tap'
import { clientOver } from '../../lib/client/client.ts'
import type { Line, LineOwner, Target } from '../../lib/client/line.ts'
import type { ClientOptions, ClientSocket, Ending } from '../../lib/client/types.ts'
import { type Clock, fakeClock } from '../support/clock.ts'
import { turn, until } from '../support/until.ts'
import { watch, type Watched } from './watch.ts'

/** How a line ends where a test says no more: the connection is gone. */
export function ending (how: Partial<Ending> = {}): Ending {
  return { code: 1006, reason: '', wasClean: false, initiator: 'remote', status: 0, body: '', retryAfter: 0, error: null, ...how }
}

/** A line whose other end is the test. What the test tells it reaches the owner at once, and what it is told is written down. */
export class FakeLine implements Line {
  readonly target: Target
  readonly owner: LineOwner
  protocol = ''
  bufferedAmount = 0
  readonly sent: Array<string | Uint8Array> = []
  /** What `close` was called with. */
  closing: { code: number, reason: string } | null = null
  isDropped = false
  hasEnded = false
  isPaused = false
  pings = 0
  ping?: () => void
  pause?: () => void
  resume?: () => void

  constructor (target: Target, owner: LineOwner, can: Platform) {
    this.target = target
    this.owner = owner
    if (can.ping) this.ping = () => { this.pings++ }
    if (!can.pause) return
    this.pause = () => { this.isPaused = true }
    this.resume = () => { this.isPaused = false }
  }

  send (data: any): boolean {
    this.sent.push(data)
    return true
  }

  close (code: number, reason: string): void {
    this.closing = { code, reason }
  }

  drop (): void {
    this.isDropped = true
  }

  open (protocol = ''): this {
    this.protocol = protocol
    this.owner.onOpen()
    return this
  }

  /** A message of the server: a value as JSON, or text and bytes as they are. */
  json (value: unknown): void {
    this.owner.onMessage(JSON.stringify(value))
  }

  end (how: Partial<Ending> = {}): void {
    this.hasEnded = true
    this.owner.onEnd(ending(how))
  }

  /** The server agrees to what `close` has asked for. */
  endAsAsked (): void {
    this.end({ ...this.closing!, wasClean: true, initiator: 'local' })
  }
}

/** What the lines of a platform can. */
export interface Platform {
  ping?: boolean
  pause?: boolean
}

/** As `connect` takes them. */
export interface StageOptions extends ClientOptions, Platform {
  /** What `connect` gets; by default `/`. */
  route?: string | { url: string, schema: object }
  /** Nobody listens to it but the test. */
  unwatched?: boolean
  params?: unknown
  query?: unknown
  headers?: unknown
}

export interface Stage extends Watched {
  socket: ClientSocket<any, any>
  lines: FakeLine[]
  clock: Clock
  /** What `Math.random` returns; at first 0.5. */
  random: number
  /** The line with this number, when it has been asked for. */
  line (number: number): Promise<FakeLine>
  /** The last line, when it has opened. */
  opened (): Promise<FakeLine>
  /** All that needs no time has happened. */
  settle (): Promise<void>
  /** Fails as long as the stage lasts: lets time go by until the next attempt is under way, and returns its line. */
  next (): Promise<FakeLine>
}

/** A socket over lines that a test plays, on a clock that it moves. */
export function stage (t: Test, options: StageOptions = {}): Stage {
  const { ping, pause, route = '/', unwatched, ...others } = { heartbeat: false as const, ...options }
  const clock = fakeClock(t, 'performance', 'Date')
  // No time is 0: that would be just after whatever has never been.
  clock.setSystemTime(1_800_000_000_000)
  const lines: FakeLine[] = []
  const client = clientOver((target, owner) => {
    const line = new FakeLine(target, owner, { ping, pause })
    lines.push(line)
    return line
  }, 'ws://server.test')
  const socket = client.connect(route, others as object)
  const all: Stage = {
    ...watch(socket, unwatched),
    socket,
    lines,
    clock,
    random: 0.5,
    async line (number) {
      await until(() => lines.length > number, `line ${number}`)
      return lines[number]!
    },
    async opened () {
      await until(() => lines.length > 0)
      const line = lines.at(-1)!.open()
      await all.settle()
      return line
    },
    async settle () {
      for (let i = 0; i < 4; i++) await turn()
    },
    async next () {
      const before = lines.length
      await all.settle()
      for (let i = 0; i < 1000 && lines.length === before; i++) await clock.nextAsync()
      return all.line(before)
    }
  }
  t.intercept(Math, 'random', { value: () => all.random })
  t.teardown(async () => {
    socket.close().catch(() => {})
    for (const line of lines) if (!line.isDropped && !line.hasEnded) line.end()
    await all.settle()
  })
  return all
}
