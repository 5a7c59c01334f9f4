import type { Numbered, Top } from '../backplane/engine.ts'
import type { Encode } from '../socket/prepared-message.ts'
import { Batch, Delivery } from './bundle.ts'
import { fanOut, type Receiver, type Source } from './fan-out.ts'
import { Groups } from './groups.ts'
import type { Policy } from './policy.ts'
import type { Publication } from './publication.ts'

/** So many listeners are given their bundles, in about 100 µs, between two looks at the time. */
const BETWEEN_LOOKS = 1000
/** At most so many messages are handed out in one round: whoever has to send each by itself takes about 1 ms. */
const MAX_HANDED = 512

/** Messages that are handed out to those who are live, which may take several turns. */
interface Handout {
  readonly deliveries: ReadonlyArray<Delivery<Channel>>
  /** Of all messages, as most of the listeners get it. */
  readonly batch: Batch
  /** Those who do not get all of them. */
  readonly excepted: ReadonlySet<Listener> | null
  readonly first: number
  readonly last: number
  /** How many listeners, from the first, have been given it. */
  given: number
}

/** Somebody who is subscribed. */
export interface Listener {
  /** What it has been given, or has in its bundle: all messages up to this number. It may be older than the truth, but not newer. */
  after: number
  /** Its place in `#live`, kept by the channel. */
  index: number
  /** What publishers call it, to leave it out; null: nobody does. */
  readonly name: string | null
  readonly receiver: Receiver
  readonly encode: Encode
  /** Keeps a message that it cannot be given yet. Runs no code of the user's. */
  hold (delivery: Delivery<Channel>): void
  /** Messages of the topic were lost. Runs no code of the user's. */
  lost (): void
}

/** One topic that somebody in this process is subscribed to. */
export class Channel implements Source {
  readonly name: string
  readonly policy: Policy
  /** Where the topic stands, as far as it has been announced here: the number of its last message, and its position. */
  seq = 0
  at = ''
  /** Resolves when everything that is published is announced here; null: it is. */
  ready: Promise<void> | null

  /** Those who get what is published, at the end of the turn. */
  readonly #live: Listener[] = []
  /** Those for whom it is kept. Whoever reads the history by itself is in neither. */
  readonly #held = new Set<Listener>()
  /** How many are subscribed, by the encoder of their routes. */
  readonly #encoders = new Map<Encode, number>()
  #size = 0
  /** By their names; null: nobody has one. */
  #named: Groups<string, Listener> | null = null
  /** What the live ones have yet to be given, behind that which is being handed out. */
  #pending: Array<Delivery<Channel>> = []
  #handout: Handout | null = null
  /** It is to be asked for what is pending. */
  #isAdded = false

  constructor (name: string, policy: Policy, subscribed: Promise<Top>) {
    this.name = name
    this.policy = policy
    this.ready = subscribed.then(top => {
      this.ready = null
      if (top.seq >= this.seq) this.#reached(top)
    })
  }

  /** How many are subscribed. */
  get size (): number {
    return this.#size
  }

  get encoders (): Iterable<Encode> {
    return this.#encoders.keys()
  }

  get hasPending (): boolean {
    return this.#pending.length > 0 || this.#handout !== null
  }

  /** Somebody subscribes. */
  add ({ encode }: Listener): void {
    this.#size++
    this.#encoders.set(encode, (this.#encoders.get(encode) ?? 0) + 1)
  }

  /** It no longer is subscribed. */
  remove (listener: Listener): void {
    this.leave(listener)
    this.#size--
    const left = this.#encoders.get(listener.encode)! - 1
    if (left === 0) this.#encoders.delete(listener.encode)
    else this.#encoders.set(listener.encode, left)
    if (listener.name !== null) this.#named?.delete(listener.name, listener)
  }

  /** From now on, it can be left out by its name. */
  addName (listener: Listener): void {
    this.#named ??= new Groups()
    this.#named.add(listener.name!, listener)
  }

  /** From now on, it gets what is published. It has been given everything up to `after`. */
  join (listener: Listener): void {
    listener.index = this.#live.push(listener) - 1
  }

  /** From now on, what is published is kept for it. */
  keepFor (listener: Listener): void {
    this.#held.add(listener)
  }

  /** It is neither given nor kept anything. */
  leave (listener: Listener): void {
    this.#held.delete(listener)
    if (listener.index < 0) return
    let { index } = listener
    const handout = this.#handout
    if (handout !== null && index < handout.given) {
      // Those who have been given what is handed out stay in front of those who have not.
      this.#place(this.#live[--handout.given]!, index)
      index = handout.given
    }
    const last = this.#live.pop()!
    if (index < this.#live.length) this.#place(last, index)
    listener.index = -1
  }

  #place (listener: Listener, index: number): void {
    this.#live[index] = listener
    listener.index = index
  }

  /** A message is announced. */
  onMessage (numbered: Numbered<Publication>, order: number): void {
    // Published before the engine has answered `subscribe`, and announced after that.
    if (numbered.seq <= this.seq) return
    const delivery = new Delivery<Channel>(this, numbered, order)
    this.#reached(numbered)
    for (const listener of this.#held) listener.hold(delivery)
    if (this.#live.length === 0) return
    fanOut.version++
    this.#pending.push(delivery)
    if (this.#isAdded) return
    this.#isAdded = true
    fanOut.add(this)
  }

  /** Messages are missing: whoever must know is neither given nor kept anything that came before. */
  onLost (top: Top): void {
    this.#reached(top)
    for (const listener of [...this.#live, ...this.#held]) listener.lost()
  }

  distribute (round: Receiver[], isOver: () => boolean): boolean {
    const handout = this.#handout ??= this.#nextHandout()
    while (handout.given < this.#live.length) {
      this.#hand(handout, this.#live[handout.given++]!, round)
      if (handout.given % BETWEEN_LOOKS === 0 && isOver()) return false
    }
    this.#handout = null
    this.#isAdded = this.#pending.length > 0
    return !this.#isAdded
  }

  /** What a live one is still to be given, before the turn ends. */
  pendingFor (listener: Listener): Array<Delivery<Channel>> {
    const part = partOf(this.#pending, listener)
    return this.#handout === null ? part : [...partOf(this.#handout.deliveries, listener), ...part]
  }

  #nextHandout (): Handout {
    const deliveries = this.#pending.splice(0, MAX_HANDED)
    return {
      deliveries,
      batch: new Batch(deliveries, this.#live.length),
      excepted: this.#exceptedBy(deliveries),
      first: deliveries[0]!.numbered.seq,
      last: deliveries.at(-1)!.numbered.seq,
      given: 0
    }
  }

  #hand ({ deliveries, batch, excepted, first, last }: Handout, listener: Listener, round: Receiver[]): void {
    const { after, name, receiver } = listener
    if (after >= last) return
    listener.after = last
    const isWhole = after < first && !excepted?.has(listener)
    if (receiver.bundle === null) round.push(receiver)
    // Picked out when it is its turn: it may be one of many, and one of many messages may leave out each of them.
    receiver.bundle = (isWhole ? batch : new Batch(() => partOf(deliveries, { after, name }), 1)).behind(receiver.bundle)
  }

  #reached ({ seq, at }: Top): void {
    this.seq = seq
    this.at = at
  }

  #exceptedBy (deliveries: ReadonlyArray<Delivery<Channel>>): Set<Listener> | null {
    if (this.#named === null) return null
    let all: Set<Listener> | null = null
    for (const { numbered: { message } } of deliveries) {
      if (message.except === null) continue
      for (const listener of this.#named.get(message.except)) (all ??= new Set()).add(listener)
    }
    return all
  }
}

/** What a listener has not been given, without that which leaves it out. */
function partOf (
  deliveries: ReadonlyArray<Delivery<Channel>>, { after, name }: Pick<Listener, 'after' | 'name'>
): Array<Delivery<Channel>> {
  let start = deliveries.length
  while (start > 0 && deliveries[start - 1]!.numbered.seq > after) start--
  const part = []
  for (let i = start; i < deliveries.length; i++) {
    const { except } = deliveries[i]!.numbered.message
    if (except === null || except !== name) part.push(deliveries[i]!)
  }
  return part
}
