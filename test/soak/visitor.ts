import { setTimeout as wait } from 'node:timers/promises'
import { Random } from '../differential/random.ts'
import { anyMessage, parse, stringify } from './messages.ts'
import { RawWire } from './raw-wire.ts'
import { append } from './runs.ts'
import { BYE, type Report, type Visit } from './visit.ts'
import type { Target, Wire, WireOwner } from './wire.ts'
import { WsWire } from './ws-wire.ts'

/** When a client leaves that does not wait for the answer to its handshake, in milliseconds. */
const LEAVES_WITHIN = 80

/** One client, from its handshake to its end. */
export class Visitor implements WireOwner {
  readonly visit: Visit
  readonly report: Report
  readonly #target: Target
  readonly #random: Random
  #wire: Wire | null = null
  /** What has been sent and has not come back. */
  readonly #unanswered: Array<string | Buffer> = []
  #dismissed = false
  #wake: () => void = () => {}

  constructor (visit: Visit, target: Target, seed: number) {
    this.visit = visit
    this.#target = target
    this.#random = new Random(seed + visit.id)
    this.report = {
      id: visit.id,
      opened: false,
      sent: 0,
      echoed: [],
      garbled: 0,
      closeCode: 0,
      status: null,
      ended: false,
      error: null
    }
  }

  /** Whether it has got, or will never get, what it came for. */
  get isSettled (): boolean {
    return this.report.opened || this.report.ended
  }

  async run (): Promise<void> {
    const { visit, report } = this
    await wait(visit.opensAt)
    const path = `/${visit.route}?id=${visit.id}`
    const deflate = visit.route === 'deflate' || visit.route === 'takeover'
    this.#wire = visit.client === 'raw'
      ? new RawWire(this.#target, path, deflate, this)
      : new WsWire(this.#target, path, deflate, this)
    if (visit.end === 'abandon') {
      await wait(this.#random.int(LEAVES_WITHIN))
      this.#wire.reset()
    }
    await this.#until(() => this.isSettled)
    if (report.opened) {
      await this.#talk()
      if (visit.stays) await this.#until(() => this.#dismissed)
      await this.#leave()
    }
    await this.#until(() => report.ended)
  }

  /** Ends what stays. */
  dismiss (): void {
    this.#dismissed = true
    this.#wake()
  }

  deafen (): void {
    if (this.visit.end === 'deaf') this.#wire!.deafen()
  }

  /** Nothing is to be waited for any more. */
  giveUp (): void {
    if (!this.report.ended) this.#wire?.reset()
  }

  onOpen (): void {
    this.report.opened = true
    this.#wake()
  }

  onMessage (message: string | Buffer): void {
    const { report } = this
    const sent = this.#unanswered.shift()
    if (sent === undefined || !isEqual(sent, message)) report.garbled++
    append(report.echoed, numberOf(message))
    this.#wake()
  }

  onRefused (status: number): void {
    this.report.status = status
  }

  onEnd (code: number, error: Error | null): void {
    const { report } = this
    report.closeCode = code
    report.ended = true
    if (!report.opened && error !== null) report.error = error.message
    this.#wake()
  }

  get #isDone (): boolean {
    return this.#dismissed || !this.#wire!.isOpen
  }

  async #talk (): Promise<void> {
    const { visit: { messages, atOnce, pause }, report } = this
    while (report.sent < messages && !this.#isDone) {
      this.#send(Math.min(1 + this.#random.int(atOnce), messages - report.sent))
      await this.#until(() => this.#unanswered.length === 0 || !this.#wire!.isOpen)
      await this.#rest(this.#random.int(pause))
    }
  }

  async #rest (milliseconds: number): Promise<void> {
    let rested = false
    const timer = setTimeout(() => {
      rested = true
      this.#wake()
    }, milliseconds)
    await this.#until(() => rested || this.#isDone)
    clearTimeout(timer)
  }

  #send (count: number): void {
    const { report, visit } = this
    for (let i = 0; i < count; i++) {
      const message = anyMessage(++report.sent, this.#random)
      const asBinary = visit.route !== 'schemas' && this.#random.chance(0.3)
      this.#say(asBinary ? Buffer.from(message) : message)
    }
  }

  #say (message: string | Buffer): void {
    this.#unanswered.push(message)
    this.#wire!.send(message)
  }

  async #leave (): Promise<void> {
    const wire = this.#wire!
    const { end, messages, atOnce } = this.visit
    if (!wire.isOpen) return
    // With something on its way.
    if (messages > 0 && (end === 'close-early' || end === 'fin' || end === 'reset')) this.#send(atOnce)
    if (end === 'close' || end === 'close-early') wire.close()
    else if (end === 'told') this.#say(stringify(++this.report.sent, BYE))
    else if (end === 'fin') wire.fin()
    else if (end === 'reset' || end === 'silent') wire.reset()
  }

  async #until (isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>(resolve => { this.#wake = resolve })
  }
}

function isEqual (a: string | Buffer, b: string | Buffer): boolean {
  return typeof a === 'string' ? a === b : Buffer.isBuffer(b) && a.equals(b)
}

function numberOf (message: string | Buffer): number {
  try {
    return parse(message).n
  } catch {
    return NaN
  }
}
