import { setTimeout as wait } from 'node:timers/promises'
import { Random } from '../differential/random.ts'
import { RawWire } from './raw-wire.ts'
import type { Begun } from './rooms.ts'
import type { Target, Wire, WireOwner } from './wire.ts'
import { WsWire } from './ws-wire.ts'

/** Longest time, in milliseconds, that one of its connections lasts, and that it reads nothing: less than a heartbeat waits. */
const LASTS = 2000
const DEAF = 1200
/** Before it connects again when it could not. */
const REST = 100

/** A client that follows a room, over many connections. */
export interface Follow {
  id: number
  client: 'raw' | 'ws'
  room: number
  /** Milliseconds from the beginning of the round. */
  opensAt: number
}

/** What it has seen. */
export interface Followed {
  follow: Follow
  connections: number
  received: number
  /** Prices that it has not got, because it read too slowly. */
  skipped: number
  /** The message up to which it has everything. */
  last: number
  faults: string[]
  ended: boolean
}

type Message = Begun | { n: number, at: string } | { price: number }

/** Gets everything that is published to a room, though it leaves and comes back, and is slow at times. */
export class Follower implements WireOwner {
  readonly report: Followed
  readonly #target: Target
  readonly #random: Random
  #wire: Wire | null = null
  #isOpen = false
  #isOver = false
  #isGivenUp = false
  /** The last position that it has seen. */
  #at: string | null = null
  #price = 0
  /** What it is to have seen when it ends; null: it stays. */
  #goal: number | null = null
  #wake: () => void = () => {}

  constructor (follow: Follow, target: Target, seed: number) {
    this.#target = target
    this.#random = new Random(seed - follow.id)
    this.report = { follow, connections: 0, received: 0, skipped: 0, last: -1, faults: [], ended: false }
  }

  async run (): Promise<void> {
    await wait(this.report.follow.opensAt)
    while (!this.#isDone) await this.#visit()
    this.report.ended = !this.#isGivenUp
  }

  /** It ends when it has got that message of its room. */
  dismiss (goals: number[]): void {
    this.#goal = goals[this.report.follow.room]!
    this.#wake()
  }

  giveUp (): void {
    this.#isGivenUp = true
    this.#wire?.reset()
    this.#wake()
  }

  onOpen (): void {
    this.#isOpen = true
    this.#wake()
  }

  onMessage (text: string | Buffer): void {
    const message: Message = JSON.parse(text.toString())
    const { report } = this
    if ('recovered' in message) {
      this.#begin(message)
    } else if ('price' in message) {
      if (message.price <= this.#price) this.#fault(`the price ${message.price} behind ${this.#price}`)
      if (this.#price > 0) report.skipped += message.price - this.#price - 1
      this.#price = message.price
    } else {
      if (message.n !== report.last + 1) this.#fault(`message ${message.n} behind ${report.last}`)
      report.received++
      report.last = message.n
      this.#at = message.at
    }
    if (this.#isDone) this.#wake()
  }

  onRefused (status: number): void {
    this.#fault(`refused with ${status}`)
  }

  onEnd (code: number, error: Error | null): void {
    if (!this.#isOpen && !this.#isGivenUp) this.#fault(`it could not connect: ${error?.message}`)
    if (code === 1013) this.#fault('closed with 1013')
    this.#isOver = true
    this.#wake()
  }

  get #isDone (): boolean {
    return this.#isGivenUp || (this.#goal !== null && this.report.last >= this.#goal)
  }

  #fault (text: string): void {
    this.report.faults.push(text)
  }

  #begin ({ recovered, at, last }: Begun): void {
    if (recovered && at === this.#at) return
    if (this.#at !== null) this.#fault(`what came behind ${this.report.last} was not recovered`)
    this.#at = at
    this.report.last = last
  }

  async #visit (): Promise<void> {
    const { report: { follow: { client, room } } } = this
    const path = `/rooms?room=${room}${this.#at === null ? '' : `&since=${this.#at}`}`
    this.#isOpen = this.#isOver = false
    this.#price = 0
    this.report.connections++
    this.#wire = client === 'raw' ? new RawWire(this.#target, path, false, this) : new WsWire(this.#target, path, false, this)
    await this.#until(() => this.#isOpen || this.#isOver)
    if (!this.#isOpen) return await wait(REST)
    await this.#rest(this.#random.int(LASTS))
    if (this.#goal === null && this.#random.chance(0.5)) {
      this.#wire.deafen()
      await this.#rest(this.#random.int(DEAF))
      this.#wire.listen()
      if (this.#random.chance(0.5)) await this.#rest(this.#random.int(LASTS))
    }
    // Whoever has been told to end stays until it has everything, unless it has bad luck.
    if (this.#goal !== null && this.#random.chance(0.8)) await this.#until(() => this.#isDone || this.#isOver)
    this.#leave(this.#wire)
    await this.#until(() => this.#isOver)
  }

  #leave (wire: Wire): void {
    const how = this.#isDone ? 'close' : this.#random.pick(['close', 'fin', 'reset'] as const)
    if (wire.isOpen) wire[how]()
  }

  /** Ends earlier when it is told to end, or its connection does. */
  async #rest (milliseconds: number): Promise<void> {
    let rested = false
    const timer = setTimeout(() => {
      rested = true
      this.#wake()
    }, milliseconds)
    await this.#until(() => rested || this.#isOver || this.#goal !== null)
    clearTimeout(timer)
  }

  async #until (isTrue: () => boolean): Promise<void> {
    while (!isTrue() && !(this.#isGivenUp && this.#isOver)) await new Promise<void>(resolve => { this.#wake = resolve })
  }
}
