import type { AnnouncedPlace, BackplaneDriver, Place, Retention, StoredMessage } from '../../types/backplane.ts'
import type { Numbered, Top } from './engine.ts'
import type { RecentBudget } from './recent.ts'

/** Makes bytes of messages, and messages of bytes. */
export interface MessageCodec<Message> {
  /** May throw: then the message is not published. @param room bytes that are left free in front */
  encode (message: Message, room: number): Buffer
  /**
   * Does not throw.
   *
   * @param bytes any: another process may run another version, and something else may write to the store
   * @returns null: it cannot be read, and is left out
   */
  decode (bytes: Uint8Array): Message | null
}

/** What the topics that a process follows have in common. */
export interface Following<Message> {
  readonly driver: BackplaneDriver
  readonly codec: MessageCodec<Message>
  readonly budget: RecentBudget
  /** The next number for topics that have none of their own. */
  nextSeq (): number
  tell (topic: string, numbered: Numbered<Message>): void
  lost (topic: string, top: Top): void
  /** The engine could not be asked: it joins again in a while. */
  retry (followed: Followed): void
}

/** A topic that this process is subscribed to. */
export interface Followed {
  readonly topic: string
  readonly retention: Retention | null
  readonly isLive: boolean
  /** Where it stands, as far as it has been told. */
  readonly top: Top
  /** Resolves with whether it can be used. @param deadline in milliseconds */
  settled (deadline: number): Promise<boolean>
  /** The engine is asked to announce it. */
  joining (): void
  /** The engine announces it. @param place where it stands; null: it has no retention */
  joined (place: Place | null): Promise<void> | void
  /** @param place null: it has no retention, or the engine errs */
  announced (bytes: Uint8Array, place: AnnouncedPlace | null): void
  /** The engine does not announce it any more. */
  down (): void
  /** Nobody is subscribed any more. */
  end (): void
}

/** What could be read of what a driver has answered. @param base what their numbers are raised by */
export function numberedOf<Message> (
  messages: readonly StoredMessage[], codec: MessageCodec<Message>, base: number
): Array<Numbered<Message> & { readonly byteLength: number }> {
  const all = []
  for (const { bytes, seq, at } of messages) {
    const message = codec.decode(bytes)
    if (message !== null) all.push({ message, seq: base + seq, at, byteLength: bytes.length })
  }
  return all
}
