/**
 * What connects the topics of several processes: the option `backplane` of the plugin. `fastify-sockets/redis` and
 * `fastify-sockets/nats` make one; anything else that can keep messages in order and announce them can be another.
 */
export interface Backplane {
  /** Such as `redis`: for logs and `app.sockets.backplane`. */
  readonly name: string
  /** Called once by each registration that has it as its option. Connects nothing yet. */
  create (): BackplaneDriver
}

/**
 * One process's part of a backplane. It orders the messages of each topic, keeps them, announces them to every process that
 * has subscribed, and knows the members of all processes. It does not look into messages, and notices no gaps: what is built on
 * it does.
 *
 * Every promise is settled within 5 s, whatever the store does, and a call that was rejected is never carried out later: neither
 * what waits for a connection nor what a store finds when it goes on after a standstill. No method throws. What it rejects with
 * becomes the cause of FST_ERR_WS_BACKPLANE.
 *
 * `fastify-sockets/backplane-tests` has the tests that every driver passes.
 */
export interface BackplaneDriver {
  /** Milliseconds that the store needs at present to hand this process what it publishes itself; null: not known. */
  readonly lag: number | null

  /** Called once, before anything else. Resolves when everything works; until then no events. A rejection ends the boot of the app. */
  open (events: BackplaneEvents): Promise<void>

  /**
   * Publishes what one turn of the event loop has brought. Messages of one topic are in the order of the array, and those of
   * later calls come behind them.
   */
  publish (messages: readonly OutgoingMessage[]): void

  /**
   * Announces these topics to this process from now on, once more if they are announced already. Resolves when what is published
   * behind the answer will be announced, whoever publishes it. A new topic gets a position here, which stays good while anybody
   * is subscribed, and for a ttl longer.
   *
   * @returns where each topic stands, in the same order; null for topics without a retention
   */
  subscribe (topics: readonly SubscribedTopic[]): Promise<Array<Place | null>>
  /** No more announcements. */
  unsubscribe (topics: readonly string[]): void

  /**
   * Whether no message lies between a place of a topic and one that has been announced.
   *
   * @param last a place as `subscribe`, `read` or an announcement told it
   */
  isNext (last: Place, announced: AnnouncedPlace): boolean

  /**
   * The kept messages behind a position, the oldest first. What was announced before the call is among them, if it is kept.
   *
   * @param after any text: it may come from a client
   * @param limit at most this many, from 1; fewer only if there are no more
   * @returns null unless it is certain that no message behind the position is missing
   */
  read (topic: string, retention: Retention, after: string, limit: number): Promise<ReadMessages | null>
  /** The last messages that are kept, the oldest first. */
  last (topic: string, retention: Retention, limit: number): Promise<StoredMessage[]>

  /**
   * A member is in this process. Joining again changes what is told of it. Members go with their process: if it stops, or cannot
   * be reached for long, one of the others learns of it by `onGone`. A process that was taken for gone and comes back joins its
   * members again by itself. If this is rejected, the driver sees to it that the member is not there after all, unless it was
   * before, or joins again.
   *
   * @returns whether it is new in all processes
   */
  join (topic: string, member: StoredMember): Promise<boolean>
  /**
   * It no longer is. If this is rejected, the driver lets it go as soon as the store can be told, unless it has joined again, and
   * then tells this process by `onGone` if it is gone from all.
   *
   * @returns whether it is gone from all processes
   */
  leave (topic: string, id: string): Promise<boolean>
  /** The members of all processes, each once, in the order in which they joined. */
  members (topic: string): Promise<StoredMember[]>
  count (topic: string): Promise<number>

  /** Tells all processes something, this one included. */
  signal (bytes: Uint8Array): Promise<void>

  /**
   * No more events. The members of this process stay for a moment, because its clients may be on their way to another one, and then
   * go as those of a process that has stopped.
   */
  close (): Promise<void>
}

/** Whom a driver tells what happens. None of these throws. */
export interface BackplaneEvents {
  /**
   * A message of a topic that is subscribed to, this process's own included. In the order of the topic, as far as a connection
   * that may be cut can promise it: there may be gaps, and messages with a place may come twice.
   *
   * @param place null: the topic has no retention
   */
  onMessage (topic: string, bytes: Uint8Array, place: AnnouncedPlace | null): void
  onSignal (bytes: Uint8Array): void
  /** A member went with its process, or with a `leave` that was rejected at first, and is in no other. Told to one process. */
  onGone (topic: string, member: StoredMember): void
  /** A member of this process, which was taken for gone, is back. Told for each that was gone from all processes. */
  onBack (topic: string, member: StoredMember): void
  /**
   * `down`: the store does not answer, or does not announce. `up`: it does again; nothing is announced until the topics have been
   * subscribed to once more. The first `up` is the answer of `open`.
   */
  onState (state: 'up' | 'down', error: Error | null): void
}

/** How a topic keeps its last messages. */
export interface Retention {
  /** At most this many messages. */
  readonly size: number
  /** Milliseconds, counted from the last message. */
  readonly ttl: number
}

export interface SubscribedTopic {
  readonly topic: string
  readonly retention: Retention | null
}

export interface OutgoingMessage {
  readonly topic: string
  readonly bytes: Uint8Array
  /** Null: it is only announced. */
  readonly retention: Retention | null
  /** If a message with this id is still kept, nothing is published, and the answer is its position. */
  readonly id: string | null
  /**
   * Called once, when it is numbered and kept.
   *
   * @param at its position; '' without a retention
   */
  done (at: string): void
  /** Called once instead. It may have been published all the same, but will not be later. */
  failed (error: Error): void
}

/** Where a topic stands. */
export interface Place {
  /** Rises with each message of a topic, but not necessarily by one. A store that begins anew may begin lower. */
  readonly seq: number
  /** The same as a text that clients keep; it tells this message from any other that ever has the same number. */
  readonly at: string
}

export interface AnnouncedPlace extends Place {
  /** Whatever `isNext` needs. */
  readonly prev: string
}

export interface StoredMessage extends Place {
  readonly bytes: Uint8Array
}

export interface ReadMessages {
  readonly messages: readonly StoredMessage[]
  /** Whoever has them has everything up to here. */
  readonly upTo: Place
}

/** Somebody who is subscribed to a topic. */
export interface StoredMember {
  readonly id: string
  /** JSON, or '' for nothing. */
  readonly info: string
}
