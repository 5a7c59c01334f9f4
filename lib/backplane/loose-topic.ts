import { readFrom, type Sender } from './sender.ts'
import type { Followed, Following } from './following.ts'
import { Gate } from './gate.ts'
import type { Top } from './engine.ts'

/** Bytes that may wait to come back, and what each message costs beside its own. Whoever publishes more gets all delivered at once. */
const MOST_AWAITED = 16 * 1024 * 1024
const OVERHEAD = 500

interface Awaited<Message> {
  readonly message: Message
  readonly cost: number
}

/**
 * A topic without a retention that this process is subscribed to. What this process publishes is delivered when the engine
 * announces it, so that all processes have one order. If the engine cannot do that, it is delivered here at once, and what the
 * engine announces of it later is left out.
 */
export class LooseTopic<Message> implements Followed {
  readonly topic: string
  readonly retention = null
  readonly #following: Following<Message>
  readonly #sender: Sender
  readonly #settled = new Gate()
  /** JOINING: not announced yet. LIVE: announced. DOWN: not announced any more. */
  #state: 'JOINING' | 'LIVE' | 'DOWN' = 'JOINING'
  /** Published here, and not announced yet: by the numbers that the sender gave them. */
  readonly #awaited = new Map<number, Awaited<Message>>()
  #awaitedCost = 0

  constructor (topic: string, sender: Sender, following: Following<Message>) {
    this.topic = topic
    this.#sender = sender
    this.#following = following
  }

  get isLive (): boolean {
    return this.#state === 'LIVE'
  }

  get top (): Top {
    return { seq: this.#following.nextSeq(), at: this.#sender.at(0) }
  }

  settled (deadline: number): Promise<boolean> {
    return this.#settled.wait(deadline)
  }

  joining (): void {
    // What others publish may be delivered already.
  }

  joined (): void {
    const wasDown = this.#state === 'DOWN'
    this.#state = 'LIVE'
    this.#settled.open()
    if (wasDown) this.#following.lost(this.topic, this.top)
  }

  /** This process publishes a message. @param size in bytes */
  published (n: number, message: Message, size: number): void {
    const cost = size + OVERHEAD
    this.#awaited.set(n, { message, cost })
    this.#awaitedCost += cost
    if (!this.isLive || this.#awaitedCost > MOST_AWAITED) this.#deliverAwaited()
  }

  /** The engine did not take it. */
  notPublished (n: number): void {
    this.#deliverAwaited(n)
  }

  announced (bytes: Uint8Array): void {
    const { own, at, body } = readFrom(bytes, this.#sender)
    if (own !== null) {
      this.#deliverAwaited(own)
      return
    }
    const message = this.#following.codec.decode(body)
    if (message !== null) this.#deliver(message, at)
  }

  down (): void {
    this.#state = 'DOWN'
    // Who subscribes now can do without the engine.
    this.#settled.open()
    this.#deliverAwaited()
  }

  end (): void {
    this.down()
  }

  /** @param last up to this one: what this process published before it has been announced, or is lost on the way here */
  #deliverAwaited (last = Infinity): void {
    for (const [n, { message, cost }] of this.#awaited) {
      if (n > last) return
      this.#awaited.delete(n)
      this.#awaitedCost -= cost
      this.#deliver(message, this.#sender.at(n))
    }
  }

  #deliver (message: Message, at: string): void {
    this.#following.tell(this.topic, { message, seq: this.#following.nextSeq(), at })
  }
}
