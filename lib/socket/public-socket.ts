import { inspect, type InspectOptions } from 'node:util'
import type { BaseSocket, SocketEvents, SocketListener } from '../../types/socket.ts'
import type { CloseInfo, SocketState } from '../contract/socket.ts'
import type { Listener } from './listeners.ts'

type EventName = keyof SocketEvents

/** The members that return the socket itself, aliases of those, and the iterator. */
type Fluent = 'on' | 'once' | 'off' | 'addListener' | 'removeListener' | typeof Symbol.asyncIterator

/** The inside of a socket that users hold. */
export interface SocketInside extends Omit<BaseSocket<any, any>, Fluent> {
  on (event: EventName, listener: Listener): void
  once (event: EventName, listener: Listener): void
  off (event: EventName, listener: Listener): void
  iterate (): AsyncIterator<any, undefined>
  /** What `console.log` shows. */
  describe (): object
}

/** The socket that users hold: it has what its type declares, and nothing else. */
export class PublicSocket implements BaseSocket<any, any> {
  readonly #inside: SocketInside

  constructor (inside: SocketInside) {
    this.#inside = inside
  }

  get id (): string {
    return this.#inside.id
  }

  get protocol (): string {
    return this.#inside.protocol
  }

  get extensions (): string {
    return this.#inside.extensions
  }

  get state (): SocketState {
    return this.#inside.state
  }

  get bufferedAmount (): number {
    return this.#inside.bufferedAmount
  }

  get dropped (): number {
    return this.#inside.dropped
  }

  get validationError (): Error | null {
    return this.#inside.validationError
  }

  get closed (): Promise<CloseInfo> {
    return this.#inside.closed
  }

  get signal (): AbortSignal {
    return this.#inside.signal
  }

  send (message: unknown): boolean {
    return this.#inside.send(message)
  }

  drained (): Promise<void> {
    return this.#inside.drained()
  }

  ping (): Promise<number> {
    return this.#inside.ping()
  }

  close (code?: number, reason?: string): Promise<CloseInfo> {
    return this.#inside.close(code, reason)
  }

  terminate (): void {
    this.#inside.terminate()
  }

  on<Event extends EventName> (event: Event, listener: SocketListener<any, Event>): this {
    this.#inside.on(event, listener)
    return this
  }

  once<Event extends EventName> (event: Event, listener: SocketListener<any, Event>): this {
    this.#inside.once(event, listener)
    return this
  }

  off<Event extends EventName> (event: Event, listener: SocketListener<any, Event>): this {
    this.#inside.off(event, listener)
    return this
  }

  addListener<Event extends EventName> (event: Event, listener: SocketListener<any, Event>): this {
    return this.on(event, listener)
  }

  removeListener<Event extends EventName> (event: Event, listener: SocketListener<any, Event>): this {
    return this.off(event, listener)
  }

  listenerCount (event: EventName): number {
    return this.#inside.listenerCount(event)
  }

  [Symbol.asyncIterator] (): AsyncIterator<any, undefined> {
    return this.#inside.iterate()
  }

  [inspect.custom] (_depth: number, options: InspectOptions): string {
    return `Socket ${inspect(this.#inside.describe(), options)}`
  }
}
