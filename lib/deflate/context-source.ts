import { AsyncResource } from 'node:async_hooks'
import fastq from 'fastq'
import type { Done, ZlibContext } from './zlib-context.ts'

/** Where the context for a message comes from. */
export interface ContextSource {
  /** A context that is ready for the message. Nobody else has it until it is given back. */
  take (): ZlibContext
  give (context: ZlibContext): void
  /** No more messages will come. */
  close (): void
}

/** Makes a context with an output buffer of this many bytes. */
type Create = (chunkSize: number) => ZlibContext

/** Jobs at a time: as many as Node's thread pool has threads. More would only hold memory while they wait. */
const CONCURRENCY = 4

/**
 * Size of zlib's output buffer, in bytes. The thread pool hands over each full buffer through the event loop, so a larger
 * one is better where not every connection has its own.
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

/** With context takeover: one context, made for the first message, that knows all messages so far. */
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

/** A job for the thread pool. */
export interface Job {
  source: ContextSource
  /** A context already taken from the source, or null. It is given back in the end. */
  context: ZlibContext | null
  input: Buffer
  /** See `ZlibContext.later`. */
  maxLength: number
  /** Called unless the job was cancelled. */
  done: Done
}

/** A job that waits or is under way. */
interface Ticket {
  /** Null once the job has begun or was cancelled. */
  waiting: Job | null
  /** Null once the job has finished or was cancelled. */
  done: Done | null
}

const tickets = fastq<unknown, Ticket>((ticket, release) => {
  const job = ticket.waiting
  if (job === null) {
    // Not at once: each release begins the next ticket, and a long row of cancelled ones would overflow the stack.
    process.nextTick(release, null)
    return
  }
  ticket.waiting = null
  let { context } = job
  const finish: Done = (error, output) => {
    if (context !== null) job.source.give(context)
    release(null)
    const { done } = ticket
    // The ticket lives as long as its cancel function is kept; `done` must not.
    ticket.done = null
    done?.(error, output)
  }
  try {
    context ??= job.source.take()
    context.later(job.input, job.maxLength, finish)
  } catch (error) {
    // The caller of `enqueue` does not expect the answer before that returns.
    process.nextTick(finish, error)
  }
}, CONCURRENCY)

/** @returns cancels the job: if it still waits, its input is freed at once */
export function enqueue (job: Job): () => void {
  // A context may have been made in another connection's request, whose AsyncLocalStorage must not be seen here.
  const ticket: Ticket = { waiting: job, done: AsyncResource.bind(job.done) }
  tickets.push(ticket)
  return () => {
    const { waiting } = ticket
    if (waiting !== null && waiting.context !== null) waiting.source.give(waiting.context)
    ticket.waiting = null
    ticket.done = null
  }
}
