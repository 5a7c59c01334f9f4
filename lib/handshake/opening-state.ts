/** Where an opening handshake stands. */
type State =
  /** Nothing has been done to the request. */
  | 'new'
  /** Fastify's router is asked whether it is ours; until then nothing is done to the connection. */
  | 'asked'
  /** Final: the request is for another listener. */
  | 'theirs'
  /** It goes through Fastify's hooks, and has no answer yet. */
  | 'routing'
  /** The answer that is under way opens the connection. */
  | 'accepted'
  /** Hooks have taken too long: the answer that is under way is ours. */
  | 'expired'
  /** Final: the connection is open. */
  | 'open'
  /** Final: a refusal has been written. */
  | 'refused'
  /** Final: the client has left before an answer was written. */
  | 'abandoned'

/** What happens to it: a method of `Opening` each, but for `disown` (`decide` that it is not ours) and what the transport tells. */
type Event = 'ask' | 'disown' | 'begin' | 'accept' | 'refuse' | 'expire' | 'written' | 'abandon'

/** Which event leads where. What is not in here comes too late, and is ignored. */
const TRANSITIONS: Readonly<Record<Event, Readonly<Partial<Record<State, State>>>>> = {
  ask: { new: 'asked' },
  disown: { asked: 'theirs', routing: 'theirs' },
  begin: { new: 'routing', asked: 'routing' },
  accept: { routing: 'accepted' },
  refuse: { accepted: 'routing' },
  expire: { routing: 'expired', accepted: 'expired' },
  written: { routing: 'refused', accepted: 'open', expired: 'refused' },
  abandon: { routing: 'abandoned', accepted: 'abandoned', expired: 'abandoned' }
}

/** The state of an opening handshake, and what others may ask of it. */
export abstract class OpeningState {
  #state: State = 'new'

  /** The only way from one state to the next. False: the event comes too late, and nothing has changed. */
  protected go (event: Event): boolean {
    const next = TRANSITIONS[event][this.#state]
    if (next === undefined) return false
    this.#state = next
    return true
  }

  /** It is not yet known whose the request is. */
  get isAsked (): boolean {
    return this.#state === 'asked'
  }

  /** Another listener may have the request. */
  get isTheirs (): boolean {
    return this.#state === 'theirs'
  }

  /** The answer opens the connection, or has done so. */
  get isAccepted (): boolean {
    return this.#state === 'accepted' || this.#state === 'open'
  }

  /** The client has left; there is nobody to answer. */
  get isAbandoned (): boolean {
    return this.#state === 'abandoned'
  }

  /** Whether it has ended, in a connection or without. */
  get isDone (): boolean {
    return this.#state === 'open' || this.#state === 'refused' || this.#state === 'abandoned'
  }
}
