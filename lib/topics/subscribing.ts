import type { Beginning } from '../../types/topics.ts'
import type { Engine, Numbered } from '../backplane/engine.ts'
import type { LiveSocket } from '../live/live-socket.ts'
import type { Delivery } from './bundle.ts'
import type { Channel } from './channel.ts'
import type { Receiver } from './fan-out.ts'
import type { Presence } from './presence.ts'
import type { Publication } from './publication.ts'

/** Whoever waits until a socket has drained. */
export interface DrainWaiter {
  /** Of several, the lowest is told first. */
  readonly order: number
  drained (): void
}

/** The socket of a subscription, as that needs it. */
export interface Subscribing extends Receiver {
  readonly socket: LiveSocket
  /**
   * Sends a message, in the form that its route gives it; what fails is told to `onError`.
   *
   * @param isPaced whether the subscription waits until the socket has drained, and may miss nothing: see `Connection.sendForm`
   */
  transmit (numbered: Numbered<Publication>, isPaced: boolean): void
  /** Gives the socket what was published, behind what it is being given already. */
  give (deliveries: readonly Delivery[]): void
  waitForDrain (waiter: DrainWaiter): void
  /** It waits no longer. */
  stopWaiting (waiter: DrainWaiter): void
}

export type Begin = (beginning: Beginning) => unknown

/** Where the topics of a subscription are. */
export interface SubscriptionHub {
  readonly engine: Engine<Publication>
  release (channel: Channel): void
}

export interface SubscriptionParts {
  hub: SubscriptionHub
  channel: Channel
  /** Null: the topic does not know its members. */
  presence: Presence | null
  name: string | null
  /** How many of the last messages come first. */
  recent: number
  begin: Begin | null
}
