import { AsyncResource } from 'node:async_hooks'
import fastq from 'fastq'
import type { Done, ZlibContext } from './zlib-context.ts'

/** Where the context for a message comes from. */
export interface ContextSource {
  /** A context as the message needs it; nobody else has it until it is given back. */
  take (): ZlibContext
  give (context: ZlibContext): void
  /** No more messages will come. */
  close (): void
}

/** Makes a context with so much room for its output. */
type Create = (chunkSize: number) => ZlibContext

/** As many jobs at a time as Node's pool has threads: more would only hold memory while they wait. */
const CONCURRENCY = 4

/**
 * Bytes of output that zlib has room for at a time. The thread pool hands each over by way of the event loop, which is
 * why more is better where it does not cost every connection.
 */
const SHARED_CHUNK = 64 * 1024
const OWN_CHUNK = 16 * 1024

/** Without context takeover: a few contexts serve all connections, one message at a time. */
export class SharedContexts implements ContextSource {
  readonly #create: Create
  readonly #idle: ZlibContext[] = []

  constructor (create: Create) {
    this.#create = create
  }

  take (): ZlibContext {
    const context = this.#idle.pop()
    if (context === undefined) return this.#create(SHARED_CHUNK)
    context.reset()
    return context
  }

  give (context: ZlibContext): void {
    if (context.isUsable && this.#idle.length < CONCURRENCY) this.#idle.push(context)
    else context.close()
  }

  close (): void {}
}

/** With context takeover: a context that knows the messages so far, from the first one on. */
export class OwnContext implements ContextSource {
  readonly #create: Create
  #context: ZlibContext | null = null
  #taken = false
  #closed = false

  constructor (create: Create) {
    this.#create = create
  }

  take (): ZlibContext {
    this.#taken = true
    return this.#context ??= this.#create(OWN_CHUNK)
  }

  give (context: ZlibContext): void {
    this.#taken = false
    if (context.isUsable && !this.#closed) return
    context.close()
    this.#context = null
  }

  close (): void {
    this.#closed = true
    if (!this.#taken) this.#context?.close()
  }
}

/** What the thread pool is to do, when it is its turn. */
export interface Job {
  source: ContextSource
  /** What has been taken from the source already, or null. It goes back there. */
  context: ZlibContext | null
  input: Buffer
  /** See `ZlibContext.later`. */
  maxLength: number
  /** Called unless the job was cancelled. */
  done: Done
}

/** A job on its way. */
interface Ticket {
  /** Null once the job has begun, or was cancelled before. */
  waiting: Job | null
  /** Null once it was cancelled. */
  done: Done | null
}

const tickets = fastq<unknown, Ticket>((ticket, release) => {
  const job = ticket.waiting
  if (job === null) {
    // Not at once: any number of them may lie one behind the other, each of which is begun by the one before it.
    process.nextTick(release, null)
    return
  }
  ticket.waiting = null
  let { context } = job
  const finish: Done = (error, output) => {
    if (context !== null) job.source.give(context)
    release(null)
    const { done } = ticket
    // Whoever can cancel the ticket keeps it.
    ticket.done = null
    done?.(error, output)
  }
  try {
    context ??= job.source.take()
    context.later(job.input, job.maxLength, finish)
  } catch (error) {
    // Whoever enqueues does not expect the answer before it returns.
    process.nextTick(finish, error)
  }
}, CONCURRENCY)

/** @returns cancels the job: its input is not kept until it would have been its turn */
export function enqueue (job: Job): () => void {
  // The context of zlib may have come up in another connection's request: its AsyncLocalStorage is not to be seen here.
  const ticket: Ticket = { waiting: job, done: AsyncResource.bind(job.done) }
  tickets.push(ticket)
  return () => {
    const { waiting } = ticket
    if (waiting !== null && waiting.context !== null) waiting.source.give(waiting.context)
    ticket.waiting = null
    ticket.done = null
  }
}
