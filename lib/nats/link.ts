import { connect, type Msg, type MsgHdrs, type NatsConnection, type Subscription } from '@nats-io/transport-node'
import { randomBytes } from 'node:crypto'
import type { Settings } from './options.ts'

/** How often calls are looked at that may have taken too long, in a deadline. */
const LOOKS = 16

/** Somebody who waits for answers. */
export interface Call {
  /**
   * What it has sent may still happen until its deadline is over, even if the connection is lost sooner: it fails no earlier, so
   * that nothing happens afterwards.
   */
  readonly isPatient?: boolean
  /** @returns whether it waits for more; if so, it has a deadline of its own again */
  onReply (message: Msg): boolean
  onFailed (error: Error): void
}

interface Waiting {
  call: Call
  end: number
}

const EMPTY = new Uint8Array(0)

/**
 * A connection, until it is lost: it does not reconnect, so nothing of what it was given is sent later by another one.
 * What is published has no answer unless there is a `Call`, which then ends within a deadline.
 */
export class Link {
  readonly deadline: number
  readonly #connection: NatsConnection
  readonly #inbox: string
  /** Those that wait, by the last token of the subject for their answers. The one that ends first is the first. */
  readonly #calls = new Map<string, Waiting>()
  readonly #timer: NodeJS.Timeout
  readonly #onLost: (error: Error) => void
  #lost: Error | null = null
  #lastToken = 0
  /** What the server has complained of last: it may be why there are no answers. */
  #complaint: Error | null = null

  /**
   * @param onLost is called once, later, unless `close` was
   * @throws if there is no connection within the deadline
   */
  static open (settings: Settings, onLost: (error: Error) => void): Promise<Link> {
    const { deadline } = settings
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no connection to NATS within ${deadline} ms`)), deadline).unref()
      const end = performance.now() + deadline
      Link.#connect(settings, onLost).then(link => {
        clearTimeout(timer)
        // Nobody waits for it any more.
        if (performance.now() > end) link.close()
        return resolve(link)
      }).catch((error: Error) => {
        clearTimeout(timer)
        reject(error)
      })
    })
  }

  static async #connect (settings: Settings, onLost: (error: Error) => void): Promise<Link> {
    const { deadline } = settings
    const options = await settings.connection()
    const connection = await connect({ ...options, timeout: deadline, reconnect: false, waitOnFirstConnect: false, noEcho: false })
    return new Link(connection, options.inboxPrefix ?? '_INBOX', deadline, onLost)
  }

  constructor (connection: NatsConnection, inboxPrefix: string, deadline: number, onLost: (error: Error) => void) {
    this.deadline = deadline
    this.#connection = connection
    this.#onLost = onLost
    this.#inbox = `${inboxPrefix}.${randomBytes(9).toString('base64url')}`
    const start = this.#inbox.length + 1
    this.subscribe(`${this.#inbox}.*`, message => this.#onReply(message.subject.slice(start), message))
    this.#timer = setInterval(() => this.#look(), deadline / LOOKS).unref()
    void connection.closed().then(error => this.lose(error instanceof Error ? error : new Error('the connection to NATS was closed')))
    void this.#listen()
  }

  get isLost (): boolean {
    return this.#lost !== null
  }

  /** Messages that need no answer, or whose call is told of it. */
  publish (subject: string, bytes: Uint8Array, call: Call | null = null, headers?: MsgHdrs): void {
    if (this.#lost !== null) {
      call?.onFailed(this.#lost)
      return
    }
    // To the last token nobody listens.
    const token = call === null ? '-' : (++this.#lastToken).toString(36)
    if (call !== null) this.#calls.set(token, { call, end: performance.now() + this.deadline })
    try {
      this.#connection.publish(subject, bytes, headers === undefined ? { reply: this.#reply(token) } : { reply: this.#reply(token), headers })
    } catch (error) {
      // Too large for the server, or the connection has just been closed.
      if (this.#calls.delete(token)) call!.onFailed(error as Error)
    }
  }

  /** To nobody in particular: there is neither an answer nor a complaint that nobody listens. */
  announce (subject: string, bytes: Uint8Array): void {
    if (this.#lost === null) this.#connection.publish(subject, bytes)
  }

  request (subject: string, bytes: Uint8Array = EMPTY, headers?: MsgHdrs): Promise<Msg> {
    return new Promise((resolve, reject) => {
      this.publish(subject, bytes, {
        onReply (message) {
          resolve(message)
          return false
        },
        onFailed: reject
      }, headers)
    })
  }

  /** Answers that come with subjects of their own, as what a stream delivers does. */
  converse (subject: string, bytes: Uint8Array, call: Call): void {
    if (this.#lost !== null) return call.onFailed(this.#lost)
    const token = (++this.#lastToken).toString(36)
    const reply = `${this.#inbox}.many.${token}`
    const subscription = this.subscribe(reply, message => this.#onReply(token, message))
    this.#calls.set(token, {
      call: {
        onReply (message) {
          const goesOn = call.onReply(message)
          if (!goesOn) subscription.unsubscribe()
          return goesOn
        },
        onFailed: error => call.onFailed(error)
      },
      end: performance.now() + this.deadline
    })
    this.#connection.publish(subject, bytes, { reply })
  }

  /** Resolves when the server has done all that it was told before: our own message has come back. */
  flush (isPatient = false): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const token = (++this.#lastToken).toString(36)
      if (this.#lost !== null) return reject(this.#lost)
      const onReply = (message: Msg): boolean => {
        resolve(message)
        return false
      }
      this.#calls.set(token, { call: { isPatient, onReply, onFailed: reject }, end: performance.now() + this.deadline })
      this.announce(this.#reply(token), EMPTY)
      return undefined
    })
  }

  subscribe (subject: string, onMessage: (message: Msg) => void): Subscription {
    return this.#connection.subscribe(subject, { callback: (error, message) => { if (error === null) onMessage(message) } })
  }

  /** Nothing works any more. All that waits fails. */
  lose (error: Error): void {
    if (this.#end(error)) queueMicrotask(() => this.#onLost(error))
  }

  close (): void {
    this.#end(new Error('closed'))
  }

  #end (error: Error): boolean {
    if (this.#lost !== null) return false
    this.#lost = error
    clearInterval(this.#timer)
    void this.#connection.close()
    for (const [token, { call }] of this.#calls) {
      if (call.isPatient === true) continue
      this.#calls.delete(token)
      call.onFailed(error)
    }
    this.#failPatient(error)
    return true
  }

  #failPatient (error: Error): void {
    const now = performance.now()
    for (const [token, { call, end }] of this.#calls) {
      if (end > now) {
        setTimeout(() => this.#failPatient(error), Math.ceil(end - now)).unref()
        return
      }
      this.#calls.delete(token)
      call.onFailed(error)
    }
  }

  #reply (token: string): string {
    return `${this.#inbox}.${token}`
  }

  #onReply (token: string, message: Msg): void {
    const waiting = this.#calls.get(token)
    if (waiting === undefined || this.#lost !== null) return
    this.#calls.delete(token)
    if (!waiting.call.onReply(message)) return
    waiting.end = performance.now() + this.deadline
    this.#calls.set(token, waiting)
  }

  #look (): void {
    for (const { end } of this.#calls.values()) {
      if (end > performance.now()) return
      this.lose(new Error(`NATS has not answered within ${this.deadline} ms`, { cause: this.#complaint ?? undefined }))
      return
    }
  }

  async #listen (): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === 'error') this.#complaint = status.error
    }
  }
}
