import type { Retention } from '../../types/backplane.ts'

export type { Retention }

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
  /** The position to read on from. */
  readonly at: string
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

/** Whether the engine can be reached. */
export type EngineState = 'up' | 'down'

/** Whom an engine tells what happens. Its methods do not throw. */
export interface EngineSink<Message> {
  /**
   * A message of a topic that is subscribed to, the publisher's own included. Called in the order of the topic, and in the
   * same for everybody.
   */
  onMessage (topic: string, numbered: Numbered<Message>): void
  /**
   * Messages of a topic that is subscribed to are missing, or it cannot be known whether some are. Everything behind the new
   * top, whose number is larger than any before, will be announced.
   */
  onLost (topic: string, top: Top): void
  /** A member went without leaving, for instance with its process, and is in no process any more. One process is told so. */
  onGone (topic: string, member: Member): void
  /** A member of this process that was gone from all processes is back. */
  onBack (topic: string, member: Member): void
  /** Another process says something to all. */
  onSignal (bytes: Uint8Array): void
  /** @param error why it cannot be reached; null: it can */
  onState (state: EngineState, error: Error | null): void
}

/**
 * What topics are built on: it orders messages, keeps them, and hands them to all processes that it connects. A message is
 * whatever is published; the engine does not look into it. What asks an engine that cannot be reached is rejected with
 * FST_ERR_WS_BACKPLANE, in less than 5 s.
 *
 * `lib/backplane-tests` has the tests that every engine passes.
 */
export interface Engine<Message> {
  /** Such as `redis`; null: topics are within this process. */
  readonly name: string | null
  readonly state: EngineState
  /** Milliseconds from publishing something to hearing of it, as last measured; null: not known. */
  readonly lag: number | null

  /** Called once, before anything else. Rejects if the engine cannot be reached. */
  open (sink: EngineSink<Message>): Promise<void>
  /** Resolves when the engine can be reached, or is closed. */
  whenUp (): Promise<void>

  /**
   * Numbers a message, keeps it if there is a retention, and announces it. Resolves when all that has been decided, which
   * says nothing of who has received it. Without a retention it also resolves when the engine cannot be reached: then only this
   * process has it.
   *
   * @param id if a message with this id is still kept, nothing is published, and the answer is its position
   */
  publish (topic: string, message: Message, retention: Retention | null, id: string | null): Promise<{ readonly at: string }>

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

  /** Tells all other processes something. */
  signal (bytes: Uint8Array): Promise<void>

  /**
   * Announces nothing more, and stops every timer. Publishing still gives an answer, be it a rejection. The members of this
   * process go a moment later, unless they have come to another one.
   */
  close (): Promise<void>
}
