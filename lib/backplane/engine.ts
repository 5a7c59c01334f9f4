/** How a topic keeps its last messages. */
export interface Retention {
  /** At most this many messages. */
  readonly size: number
  /** Milliseconds, counted from the last message. */
  readonly ttl: number
}

/** A message with its place in the order of its topic. */
export interface Numbered<Message> {
  readonly message: Message
  /** Larger than that of every earlier message of the topic, but not necessarily by one. */
  readonly seq: number
  /** The same in the form that clients keep; only an engine reads it. */
  readonly at: string
}

/** Some of the messages that are kept of a topic. */
export interface Part<Message> {
  /** The oldest first. */
  readonly messages: ReadonlyArray<Numbered<Message>>
  /**
   * Whoever has them has everything up to this number. What comes behind it is still to be read, or to be announced: how far the
   * announcements have come in this process is another matter, and the position that was asked for may be ahead of them.
   */
  readonly upTo: number
}

/** Where a topic stands. */
export interface Top {
  readonly seq: number
  readonly at: string
}

export interface Member {
  readonly id: string
  readonly info: unknown
}

/** Whom an engine tells what happens. Its methods do not throw. */
export interface EngineSink<Message> {
  /**
   * A message of a topic that is subscribed to, the publisher's own included. Called in the order of the topic, and in the
   * same for everybody.
   */
  onMessage (topic: string, numbered: Numbered<Message>): void
}

/**
 * What topics are built on: it orders messages, keeps them, and hands them to all processes that it connects. A message is
 * whatever is published; the engine does not look into it.
 *
 * `test/backplane/contract.ts` has the tests that every engine passes.
 */
export interface Engine<Message> {
  /** Called once, before anything else. */
  open (sink: EngineSink<Message>): Promise<void>

  /**
   * Numbers a message, keeps it if there is a retention, and announces it. Resolves when all that has been decided, which
   * says nothing of who has received it.
   *
   * @param id if a message with this id is still kept, nothing is published, and the answer is its number
   */
  publish (topic: string, message: Message, retention: Retention | null, id: string | null): Promise<Top>

  /**
   * Announces the topic's messages to this process from now on. Resolves when that is certain: what is published behind the
   * answer will be announced. Meanwhile, and for a ttl longer, every position of the topic from here on stays good, however
   * long nothing is published: what is behind it can be read as long as it is kept.
   */
  subscribe (topic: string, retention: Retention | null): Promise<Top>
  /** No more announcements. */
  unsubscribe (topic: string): void

  /**
   * The kept messages behind a position.
   *
   * @param after any text
   * @param limit at most this many, from 1
   * @returns null unless it is certain that no message behind the position is missing
   */
  read (topic: string, retention: Retention, after: string, limit: number): Promise<Part<Message> | null>
  /** The last messages that are kept, the oldest first. */
  last (topic: string, retention: Retention, limit: number): Promise<ReadonlyArray<Numbered<Message>>>

  /**
   * A member is in this process. Joining again changes what is told of it.
   *
   * @returns whether it is new in all processes
   */
  join (topic: string, member: Member): Promise<boolean>
  /**
   * It no longer is.
   *
   * @returns whether it is gone from all processes
   */
  leave (topic: string, id: string): Promise<boolean>
  /** The members of all processes, each once, in the order in which they joined. */
  members (topic: string): Promise<Member[]>
  count (topic: string): Promise<number>

  /** Announces nothing more, and stops every timer. Publishing still gives an answer, be it a rejection. */
  close (): Promise<void>
}
