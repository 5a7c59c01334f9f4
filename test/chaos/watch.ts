/* Whether the server answers `GET /alive` in time, beside a process that has nothing to do. */
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'

/** How often each process is asked, in milliseconds. */
const EVERY = 120
/** What the server may take to answer, besides what the machine adds, in milliseconds. */
export const IN_TIME = 1000
/** After so many milliseconds it is taken to hang. */
export const HANGS_AFTER = 5000
/** By which factor a busy machine may slow it down. */
const MOST_SLOWNESS = 3
/** How long a delay of the control process counts, in milliseconds. */
const REMEMBERED = 5000

/** Asks one process again and again, on one connection. */
class Asker {
  /** When the question was asked that has no answer yet, or null. */
  askedAt: number | null = null
  readonly begun: Promise<void>
  /** The latest answers. */
  #answers: Array<{ at: number, took: number }> = []
  #stopped = false
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor (port: number) {
    this.begun = new Promise(resolve => { void this.#run(port, resolve) })
  }

  /** The longest that it took lately, the answer that is waited for included. */
  get slowest (): number {
    const since = performance.now() - REMEMBERED
    this.#answers = this.#answers.filter(({ at }) => at > since)
    return Math.max(0, ...this.#answers.map(({ took }) => took), this.waiting)
  }

  get waiting (): number {
    return this.askedAt === null ? 0 : performance.now() - this.askedAt
  }

  stop (): void {
    this.#stopped = true
    this.#agent.destroy()
  }

  async #run (port: number, onAnswer: () => void): Promise<void> {
    while (!this.#stopped) {
      const start = this.askedAt = performance.now()
      await new Promise<void>(resolve => {
        get({ port, host: '127.0.0.1', path: '/alive', agent: this.#agent }, response => {
          response.on('end', resolve).resume()
        }).on('error', () => { resolve() })
      })
      this.askedAt = null
      onAnswer()
      this.#answers.push({ at: performance.now(), took: performance.now() - start })
      await wait(EVERY)
    }
  }
}

/** How long, in milliseconds, a process has been ready to run while others ran; 0 where nobody knows. */
function waitedForCpu (pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6
  } catch {
    return 0
  }
}

export interface Delay {
  /** How long the server has not answered, in milliseconds. */
  waited: number
  /** How much of it is the machine's: the control process was late, or others had the processor. */
  excused: number
}

/** Watches one server. */
export class Watch {
  readonly #server: Asker
  readonly #control: Asker
  readonly #timer: NodeJS.Timeout
  #longest = 0

  /**
   * @param onLate called once for each answer that is too late, when it is
   * @param onHang called once
   */
  constructor (pid: number, port: number, control: number, onLate: (delay: Delay) => void, onHang: () => void) {
    this.#server = new Asker(port)
    this.#control = new Asker(control)
    let question: number | null = null
    let cpuBefore = 0
    let isLate = false
    this.#timer = setInterval(() => {
      const { askedAt, waiting } = this.#server
      if (askedAt !== question) {
        question = askedAt
        cpuBefore = waitedForCpu(pid)
        isLate = false
      }
      this.#longest = Math.max(this.#longest, waiting)
      if (waiting <= IN_TIME) return
      const waitedFor = waitedForCpu(pid) - cpuBefore
      const excused = this.#control.slowest + waitedFor
      // What else runs slows the server down while it runs, too.
      const slowness = Math.min(MOST_SLOWNESS, waiting / Math.max(1, waiting - waitedFor))
      if (!isLate && waiting > IN_TIME * slowness + excused) {
        isLate = true
        onLate({ waited: waiting, excused })
      }
      if (waiting > HANGS_AFTER + excused) {
        this.stop()
        onHang()
      }
    }, 50)
  }

  /** Resolves when the server has answered for the first time. */
  get begun (): Promise<void> {
    return this.#server.begun
  }

  /** The longest that the server took since this was asked last, in milliseconds. */
  takeLongest (): number {
    const longest = this.#longest
    this.#longest = 0
    return longest
  }

  stop (): void {
    clearInterval(this.#timer)
    this.#server.stop()
    this.#control.stop()
  }
}
