/* A client that behaves well on a route of its own: it is served whatever the others do. */
import { setTimeout as wait } from 'node:timers/promises'
import { masked } from '../support/frames.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import { FrameReader } from './frame-reader.ts'
import { WITNESS } from './plan.ts'
import { Http1Wire, type Target, type WireOwner } from './wires.ts'

const EVERY = 100
/** By then the rest has come back and the connection has ended, however busy the machine is. In milliseconds. */
const PATIENCE = 10_000

export class Witness implements WireOwner {
  readonly #wire: Http1Wire
  readonly #onFault: (text: string) => void
  readonly #frames: FrameReader
  #accepted = false
  #isOver = false
  #isLeaving = false
  #sent = 0
  #seen = 0

  constructor (target: Target, onFault: (text: string) => void) {
    this.#onFault = onFault
    this.#frames = new FrameReader(false, ({ opcode, payload }) => {
      if (opcode === TEXT && payload.toString() !== String(++this.#seen)) {
        onFault(`the witness got ${payload.toString()}, not ${this.#seen}`)
      }
    }, onFault)
    this.#wire = new Http1Wire(target, WITNESS, false, Buffer.alloc(0), this)
    void this.#run()
  }

  async leave (): Promise<void> {
    this.#isLeaving = true
    this.#wire.write(masked(CLOSE))
    const deadline = performance.now() + PATIENCE
    while (!this.#isOver && performance.now() < deadline) await wait(10)
    this.#wire.destroy()
  }

  onAnswer (accepted: boolean): void {
    this.#accepted = accepted
  }

  onBytes (bytes: Buffer): void {
    this.#frames.push(bytes)
  }

  onOver (): void {
    this.#isOver = true
    if (!this.#isLeaving) this.#onFault('the witness was cut')
    else if (this.#seen < this.#sent) this.#onFault(`the witness got ${this.#seen} of ${this.#sent} messages back`)
  }

  async #run (): Promise<void> {
    while (!this.#isLeaving) {
      if (this.#accepted) this.#wire.write(masked(TEXT, String(++this.#sent)))
      await wait(EVERY)
    }
  }
}
