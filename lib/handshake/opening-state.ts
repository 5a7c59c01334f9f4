/** Where an opening handshake stands. */
type State =
  /** Nothing has happened to the request yet. */
  | 'new'
  /** Fastify's router is deciding whether the request is ours; until then the connection is left alone. */
  | 'asked'
  /** Final: the request is for another listener. */
  | 'theirs'
  /** The request is going through Fastify's hooks, and has no answer yet. */
  | 'routing'
  /** The answer under way opens the connection. */
  | 'accepted'
  /** Hooks took too long: the answer under way is our own refusal. */
  | 'expired'
  /** Final: the connection is open. */
  | 'open'
  /** Final: a refusal has been written. */
  | 'refused'
  /** Final: the client has left before an answer was written. */
  | 'abandoned'

/** Each event is a method of `Opening`, except `disown` (a `decide` for another listener) and what the transport reports. */
type Event = 'ask' | 'disown' | 'begin' | 'accept' | 'refuse' | 'expire' | 'written' | 'abandon'

/** Where each event leads. An event that is not listed for a state comes too late, and is ignored. */
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

  /** The only way to change the state. Returns false if the event comes too late; then nothing has changed. */
  protected go (event: Event): boolean {
    const next = TRANSITIONS[event][this.#state]
    if (next === undefined) return false
    this.#state = next
    return true
  }

  /** Whether Fastify has yet to say whose request it is. */
  get isAsked (): boolean {
    return this.#state === 'asked'
  }

  /** Whether the request is for another listener. */
  get isTheirs (): boolean {
    return this.#state === 'theirs'
  }

  /** Whether the answer opens the connection, or has done so. */
  get isAccepted (): boolean {
    return this.#state === 'accepted' || this.#state === 'open'
  }

  /** Whether the client has left, so that nobody is there to answer. */
  get isAbandoned (): boolean {
    return this.#state === 'abandoned'
  }

  /** Whether the handshake has ended, with a connection or without. */
  get isDone (): boolean {
    return this.#state === 'open' || this.#state === 'refused' || this.#state === 'abandoned'
  }
}
