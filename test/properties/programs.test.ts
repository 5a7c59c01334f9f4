import { deepEqual, equal, ok } from 'node:assert/strict'
import * as fc from 'fast-check'
import type { SocketBehaviour } from '../../lib/socket/behaviour.ts'
import { compressed } from '../support/deflate.ts'
import { type Fed, fedSocket } from '../support/fed-socket.ts'
import { closeBody, masked } from '../support/frames.ts'
import { turn } from '../support/until.ts'
import { holds } from './holds.ts'

/*
 * Whatever a program calls from inside of whatever it is told, whatever a peer sends, however that is cut and however it
 * ends: nothing is told from inside of itself, everything is in order, and it comes to its end in so many steps.
 */

/** Of two bits each: deflated, they are more than the calling thread inflates. */
const LARGE = 100_000

/** What a program may call whenever it is told something. */
const CALLS = [
  'nothing', 'close', 'terminate', 'next', 'return', 'send', 'send much', 'ping', 'drained', 'listen', 'unlisten', 'throw'
] as const
type Call = typeof CALLS[number]

const ITEMS = ['text', 'text', 'text', 'invalid', 'binary', 'ping', 'pong', 'long', 'compressed', 'large', 'close', 'violation'] as const
const ENDS = ['end', 'destroy', 'error', 'nothing'] as const

interface Plan {
  consumer: 'loop' | 'slow loop' | 'listeners' | 'nobody'
  calls: Call[]
  items: Array<typeof ITEMS[number]>
  cuts: number[]
  end: typeof ENDS[number]
  /** Ends while what was sent is on its way, or when it has been read. */
  endsAtOnce: boolean
  maxQueued: number
  highWaterMark: number
  maxBuffered: number
  rate: SocketBehaviour['rate']
  compressed: boolean
  answersInvalid: boolean
}

const plan: fc.Arbitrary<Plan> = fc.record({
  consumer: fc.constantFrom('loop', 'slow loop', 'listeners', 'nobody'),
  calls: fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant('nothing' as Call) }, fc.constantFrom(...CALLS)), { minLength: 1, maxLength: 6 }),
  items: fc.array(fc.constantFrom(...ITEMS), { maxLength: 60 }),
  cuts: fc.array(fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 5000 })), { minLength: 1, maxLength: 4 }),
  end: fc.constantFrom(...ENDS),
  endsAtOnce: fc.boolean(),
  maxQueued: fc.constantFrom(0, 300, 65_536),
  highWaterMark: fc.constantFrom(0, 100, 65_536),
  maxBuffered: fc.constantFrom(500, 1024 * 1024),
  rate: fc.constantFrom(null, null, { messages: 5, bytes: 1e9, over: 'close' as const }, { messages: 1000, bytes: 1e6, over: 'pause' as const }),
  compressed: fc.boolean(),
  answersInvalid: fc.boolean()
})

/** The bytes of an item; texts carry their number. */
function bytesOf (item: Plan['items'][number], n: number, compress: boolean): Buffer {
  switch (item) {
    case 'text': return masked(1, `${n}`)
    case 'invalid': return masked(1, 'not a number')
    case 'binary': return masked(2, Buffer.alloc(5))
    case 'ping': return masked(9, `${n}`)
    case 'pong': return masked(10, `${n}`)
    case 'long': return masked(1, `${n}`.padStart(3000))
    case 'compressed': return compress ? compressed(1, `${n}`.padStart(2000)) : masked(1, `${n}`)
    // Compressed, it is for the thread pool.
    case 'large': return compress ? compressed(1, noise(n)) : masked(1, noise(n))
    case 'close': return masked(8, closeBody(1000))
    case 'violation': return masked(3)
  }
}

/** White space that does not compress well, with a number behind it. */
function noise (n: number): string {
  let seed = n + 1
  let text = ''
  while (text.length < LARGE) {
    seed = Math.imul(seed, 1_103_515_245) + 12_345 >>> 0
    text += ' \t\n\r'[seed >>> 30]! + ' \t\n\r'[seed >>> 28 & 3]!
  }
  return `${text}${n}`
}

/** Runs a program on one socket, and notes what must not be. */
class Run {
  readonly plan: Plan
  readonly faults: string[] = []
  readonly numbers: number[] = []
  readonly socket: Fed['socket']
  readonly inside: Fed['inside']
  readonly near: Fed['near']
  readonly far: Fed['far']
  closes = 0
  #steps = 0
  /** What it is being told that has been read, and what it calls then. */
  #inside: string | null = null
  #calling: Call | null = null
  #iterator: AsyncIterator<unknown> | null = null

  constructor (plan: Plan) {
    this.plan = plan
    const { socket, inside, near, far } = fedSocket(this.#behaviour(), plan.compressed)
    this.socket = socket
    this.inside = inside
    this.near = near
    this.far = far
    for (const event of ['ping', 'pong', 'drain', 'error'] as const) this.socket.on(event, () => this.#told(event))
    this.socket.on('close', () => {
      this.closes++
      this.#told('close')
    })
    if (plan.consumer === 'listeners') this.socket.on('message', this.#onMessage)
    else if (plan.consumer !== 'nobody') this.inside.run(() => this.#loop(plan.consumer === 'slow loop'))
  }

  #behaviour (): Partial<SocketBehaviour> {
    const { maxQueued, highWaterMark, maxBuffered, rate, answersInvalid } = this.plan
    return {
      maxQueued,
      highWaterMark,
      maxBuffered,
      closeTimeout: 5,
      rate,
      codec: {
        encode: null,
        decode: data => {
          // Binary is none of its messages.
          const value = typeof data === 'string' ? Number(data) : NaN
          if (Number.isNaN(value)) throw Object.assign(new Error('invalid'), { closeCode: 1007 })
          return value
        }
      },
      onError: () => this.#told('failure'),
      onInvalidMessage: (error: Error & { closeCode?: number }) => {
        this.#told('invalid')
        if (!answersInvalid) this.socket.close(error.closeCode, error.message)
      }
    }
  }

  readonly #onMessage = (message: unknown): void => {
    this.numbers.push(message as number)
    this.#told('message')
  }

  async #loop (slow: boolean): Promise<void> {
    this.#iterator = this.socket[Symbol.asyncIterator]()
    for (;;) {
      const { done, value } = await this.#iterator.next()
      if (done === true) return
      this.numbers.push(value as number)
      this.#told('taken')
      if (slow) await turn()
    }
  }

  /** Something has been told: makes the next call of the program. */
  #told (what: string): void {
    if (++this.#steps > 5000) {
      this.faults.push('no end')
      this.socket.terminate()
      return
    }
    const isRead = ['message', 'ping', 'pong', 'invalid'].includes(what)
    // To ask for the next message is to hear of those that are refused on the way, but for what hears of one.
    const isAskedFor = what === 'invalid' && this.#calling === 'next' && this.#inside !== 'invalid'
    if (isRead && this.#inside !== null && !isAskedFor) this.faults.push(`${what} inside ${this.#inside}`)
    if (isRead && this.closes > 0 && this.plan.consumer === 'listeners') this.faults.push(`${what} after the end`)
    const [inside, calling] = [this.#inside, this.#calling]
    if (isRead) this.#inside = what
    this.#calling = this.plan.calls[this.#steps % this.plan.calls.length]!
    try {
      this.#call(this.#calling, what)
    } finally {
      this.#inside = inside
      this.#calling = calling
    }
  }

  #call (call: Call, what: string): void {
    // To answer every drain with more is to do so without end; a failure there may be answered with more, too.
    if (what === 'drain' && ['send', 'send much', 'ping', 'throw'].includes(call)) return
    const { socket } = this
    switch (call) {
      case 'nothing': break
      case 'close': void socket.close(4000); break
      case 'terminate': socket.terminate(); break
      case 'next': this.#iterator?.next().then(({ value }) => { if (value !== undefined) this.numbers.push(value) }, () => {}); break
      case 'return': void this.#iterator?.return?.(); break
      case 'send': socket.send('x'); break
      case 'send much': for (let i = 0; i < 5; i++) socket.send(Buffer.alloc(3000)); break
      case 'ping': socket.ping().catch(() => {}); break
      case 'drained': socket.drained().catch(() => {}); break
      case 'listen': if (this.plan.consumer !== 'loop' && this.plan.consumer !== 'slow loop') socket.on('message', this.#onMessage); break
      case 'unlisten': socket.off('message', this.#onMessage); break
      case 'throw':
        // What the behaviour is told must not throw.
        if (what !== 'failure' && what !== 'invalid') throw new Error('thrown')
    }
  }
}

/** Writes what the peer sends, in the pieces of the plan. */
async function play ({ items, cuts, compressed, end, endsAtOnce }: Plan, far: Fed['far']): Promise<void> {
  let rest = Buffer.concat(items.map((item, n) => bytesOf(item, n, compressed)))
  for (let i = 0; rest.length > 0; i++) {
    const cut = Math.max(cuts[i % cuts.length]!, rest.length >> 6)
    far.write(rest.subarray(0, cut))
    rest = rest.subarray(cut)
    if (i % 3 === 2) await turn()
  }
  if (!endsAtOnce) for (let i = 0; i < 3; i++) await turn()
  if (end === 'end') far.end()
  if (end === 'destroy') far.destroy()
}

holds('no program, no peer and no end makes a socket enter itself, lose its order or fail to end', 400,
  fc.asyncProperty(plan, async plan => {
    const run = new Run(plan)
    const { socket: { closed }, near, far } = run
    far.on('error', () => {}).resume()
    await play(plan, far)
    if (plan.end === 'error') near.destroy(new Error('reset'))
    // Nor does a socket end by itself while what it has read waits for somebody to listen.
    const mayStay = plan.consumer === 'nobody' || plan.calls.some(call => ['unlisten', 'throw', 'next'].includes(call))
    if (plan.end === 'nothing' || mayStay) {
      for (let i = 0; i < 3; i++) await turn()
      run.socket.terminate()
    }
    const late = setTimeout(() => { run.faults.push('not closed'); run.socket.terminate() }, 5000)
    await closed
    clearTimeout(late)
    await turn()
    equal(run.closes, 1)
    deepEqual(run.faults, [])
    // Two calls of `next()` at a time may resolve in any order of their callers.
    if (!plan.calls.includes('next')) ok(run.numbers.every((n, i) => i === 0 || n >= run.numbers[i - 1]!), `${run.numbers}`)
  }))
