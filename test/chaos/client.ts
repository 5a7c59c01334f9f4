/* One client, from its handshake to its end. */
import { setTimeout as wait } from 'node:timers/promises'
import { Random } from '../differential/random.ts'
import { cut } from '../differential/streams.ts'
import { inflate, RSV1 } from '../support/deflate.ts'
import { closeBody, masked, type WireFrame } from '../support/frames.ts'
import { CLOSE, PING, PONG } from '../support/opcodes.ts'
import { FrameReader } from './frame-reader.ts'
import { Http2Wire, type Manners, SharedSession } from './http2-wires.ts'
import type { ClientPlan, End } from './plan.ts'
import { Speech } from './speech.ts'
import { Http1Wire, type Target, type Wire, type WireOwner } from './wires.ts'

/** How long a client waits for the answer to its handshake, and for the server to end what it has ended, in milliseconds. */
const ANSWERED = 1500
const ENDED = 700

/** The clients of a round, and what they have in common. */
export interface Crowd {
  target: Target
  sessions: Map<number, SharedSession>
  manners: Manners
  /** Notes what a client does. */
  note (id: number, what: string): void
  fault (text: string): void
}

export class Client implements WireOwner {
  readonly plan: ClientPlan
  isOver = false
  isAccepted = false
  /** How many of its messages came back. */
  echoed = 0
  readonly #crowd: Crowd
  readonly #random: Random
  readonly #speech: Speech
  readonly #frames: FrameReader
  #wire!: Wire
  #isAnswered = false
  /** The rest of something will never come: what followed would be read as that. */
  #isCut = false
  #answersPings: boolean
  #answersClose: boolean
  #lastEcho = 0
  #wake: () => void = () => {}

  constructor (plan: ClientPlan, crowd: Crowd) {
    this.plan = plan
    this.#crowd = crowd
    this.#random = new Random(plan.seed)
    this.#speech = new Speech(this.#random, plan.route)
    const deflated = plan.offersDeflate && Boolean(plan.route.ws.deflate)
    this.#speech.isDeflated = deflated
    this.#frames = new FrameReader(deflated, frame => this.#take(frame), text => this.#fault(text))
    this.#answersPings = this.#random.chance(0.8)
    this.#answersClose = plan.kind !== 'mute' && this.#random.chance(0.7)
  }

  async run (): Promise<void> {
    const { kind, startsAt } = this.plan
    const random = this.#random
    await wait(startsAt)
    const early = random.chance(0.15) ? this.#speech.message() : Buffer.alloc(0)
    this.#wire = this.#connect(early)
    this.#note('comes')
    if (kind === 'hasty') {
      await wait(random.int(30))
      this.#leave(random.pick(['fin', 'reset', 'destroy', 'vanish', 'goaway']))
      return
    }
    await this.#until(ANSWERED, () => this.#isAnswered)
    if (this.isAccepted && !this.isOver) await this.#do(kind)
    if (!this.isOver) await this.#end()
  }

  /** Nothing is to be left of it. */
  giveUp (): void {
    this.#wire?.destroy()
  }

  onAnswer (accepted: boolean): void {
    this.#isAnswered = true
    this.isAccepted = accepted
    this.#wake()
  }

  onBytes (bytes: Buffer): void {
    if (this.isAccepted) this.#frames.push(bytes)
  }

  onOver (): void {
    this.isOver = true
    this.#isAnswered = true
    this.#wake()
  }

  #connect (early: Buffer): Wire {
    const { id, route, offersDeflate, byHand, session, window } = this.plan
    const { target, sessions, manners } = this.#crowd
    const path = `${route.path}?id=${id}`
    const isHttp2 = target.transport === 'http2' || target.transport === 'http2s'
    if (!isHttp2 || !byHand) return new Http1Wire(target, path, offersDeflate, early, this)
    let shared = sessions.get(session)
    if (shared === undefined || shared.isOver) {
      const keepsWindows = manners.keepsWindows && this.plan.seed % 16 !== 0
      sessions.set(session, shared = new SharedSession(target, window, { ...manners, keepsWindows }))
    }
    return new Http2Wire(shared, path, offersDeflate, early, this)
  }

  async #do (kind: ClientPlan['kind']): Promise<void> {
    const random = this.#random
    switch (kind) {
      case 'talk': return this.#talk()
      case 'flood': return this.#flood()
      case 'break':
        await this.#talk(random.int(4))
        for (let left = 1 + random.int(3); left > 0 && !this.isOver; left--) this.#write('broken', this.#speech.broken())
        return
      case 'press':
        for (let left = 1 + random.int(3); left > 0 && !this.isOver; left--) {
          this.#write('heavy', this.#speech.heavy())
          await wait(random.int(40))
        }
        return
      case 'deaf':
        this.#note('is deaf')
        this.#wire.deafen()
        await this.#talk(random.int(60))
        await wait(random.int(600))
        if (random.chance(0.3)) this.#wire.hear()
        return
      default:
        await wait(random.int(600))
    }
  }

  async #talk (messages = 1 + this.#random.int(40)): Promise<void> {
    const random = this.#random
    for (let left = messages; left > 0 && !this.isOver; left--) {
      const frames = []
      for (let count = 1 + random.int(5); count > 0; count--) {
        frames.push(random.chance(0.85) ? this.#speech.message() : this.#speech.control())
      }
      if (random.chance(0.04)) frames.push(this.#speech.refused())
      this.#write('talk', Buffer.concat(frames))
      if (random.chance(0.5)) await wait(random.int(15))
    }
  }

  /** More than the handler takes, and behind it what may not be taken at all. */
  async #flood (): Promise<void> {
    const random = this.#random
    const { plan: { route } } = this
    await this.#talk(random.int(3))
    const parts = [this.#speech.flood()]
    if (random.chance(route.takesJson ? 0.75 : 0.2)) parts.push(this.#speech.refused())
    if (random.chance(0.2)) parts.push(this.#speech.control())
    if (random.chance(0.3)) parts.push(this.#speech.message(), this.#speech.control())
    if (random.chance(0.2)) parts.push(random.chance(0.5) ? this.#speech.broken() : this.#speech.close())
    this.#write('flood', Buffer.concat(parts), random.chance(0.8))
    if (random.chance(0.7)) await wait(random.int(120))
  }

  #write (what: string, bytes: Buffer, whole = this.#random.chance(0.5)): void {
    if (this.#isCut) return
    this.#note(`${what}: ${bytes.length} bytes, to message ${this.#speech.n}`)
    const random = this.#random
    this.#isCut = random.chance(0.02)
    const all = this.#isCut ? bytes.subarray(0, random.int(bytes.length)) : bytes
    if (whole || all.length === 0) this.#wire.write(all)
    else for (const chunk of cut(random, all)) this.#wire.write(chunk)
  }

  async #end (): Promise<void> {
    this.#leave(this.plan.end)
    if (this.plan.end !== 'stay') await this.#until(ENDED, () => this.isOver)
  }

  #leave (end: End): void {
    this.#note(`leaves: ${end}`)
    switch (end) {
      case 'close': this.#wire.write(this.#speech.close()); break
      case 'fin': this.#wire.end(); break
      case 'reset': this.#wire.reset(); break
      case 'destroy': case 'vanish': this.#wire.destroy(); break
      case 'violate': this.#wire.violate(); break
      case 'goaway': this.#wire.goAway(); break
      case 'stay':
    }
  }

  #take ({ rsv, opcode, payload, fin }: WireFrame): void {
    if (opcode === PING) {
      if (this.#answersPings) this.#wire.write(masked(PONG, payload))
    } else if (opcode === CLOSE) {
      if (this.#answersClose) this.#wire.write(masked(CLOSE, payload.length === 0 ? '' : closeBody(payload.readUInt16BE())))
    } else if (opcode !== PONG && fin) {
      this.#takeMessage(payload, rsv === RSV1)
    }
  }

  #takeMessage (payload: Buffer, isDeflated: boolean): void {
    const { deflate, overflow } = this.plan.route.ws
    const takesOver = typeof deflate === 'object' && deflate.contextTakeover === true
    if (isDeflated && takesOver) return
    let text = payload.toString()
    let n: unknown
    try {
      if (isDeflated) text = inflate(payload).toString()
      n = JSON.parse(text).n
    } catch {
      // Of an echo of what is not JSON, that is all.
      if (this.#speech.n > 0 && text.startsWith('{"n":') && !this.plan.route.isEcho) this.#fault(`got ${text.slice(0, 80)}`)
      return
    }
    if (typeof n !== 'number' || n < 1) return
    this.echoed++
    if (this.#speech.said.get(n) !== text) this.#fault(`message ${n} came back changed: ${text.slice(0, 80)}`)
    const mayMiss = overflow === 'drop' || takesOver
    if (n !== this.#lastEcho + 1 && !(mayMiss && n > this.#lastEcho)) {
      this.#fault(`message ${n} came back after ${this.#lastEcho}`)
    }
    this.#lastEcho = n
  }

  #note (what: string): void {
    this.#crowd.note(this.plan.id, what)
  }

  #fault (text: string): void {
    const { id, kind, route, end } = this.plan
    this.#crowd.fault(`client ${id} (${kind}, ${route.path}, ${end}): ${text}`)
  }

  async #until (patience: number, isTrue: () => boolean): Promise<void> {
    const end = performance.now() + patience
    const timer = setTimeout(() => { this.#wake() }, patience + 1)
    while (!isTrue() && performance.now() < end) await new Promise<void>(resolve => { this.#wake = resolve })
    clearTimeout(timer)
  }
}
