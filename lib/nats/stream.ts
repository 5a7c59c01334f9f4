import { headers, type Msg, type MsgHdrs } from '@nats-io/transport-node'
import type { Link } from './link.ts'
import type { Settings } from './options.ts'

/** A message of a stream. */
export interface Entry {
  readonly subject: string
  readonly seq: number
  /** Milliseconds since 1970, by the clock of the server. */
  readonly time: number
  readonly data: Uint8Array
}

interface Delivered extends Entry {
  /** How many messages come behind it. */
  readonly left: number
}

/** What the server says of a message that a stream was to keep. */
export interface Ack {
  readonly seq: number
  readonly isDuplicate: boolean
}

/** The server has refused something. */
export class RefusedError extends Error {
  /** As JetStream numbers its errors; 0: there is no such stream, or no JetStream. */
  readonly code: number

  constructor (code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** What a stream is like, in JetStream's words: ages and windows are nanoseconds. */
export interface StreamConfig {
  readonly subjects: readonly string[]
  readonly max_msgs_per_subject: number
  readonly max_age?: number
  readonly duplicate_window?: number
  readonly republish?: { readonly src: string, readonly dest: string }
  readonly deny_delete?: boolean
  readonly deny_purge?: boolean
  readonly num_replicas?: number
}

interface Answer {
  error?: { err_code: number, description: string }
  seq?: number
  duplicate?: boolean
  name?: string
  num_pending?: number
  created?: string
  config?: StreamConfig
  message?: { subject: string, seq: number, data?: string, time: string }
}

const WRONG_LAST = 10071
const NAME_IN_USE = 10058
const NOT_FOUND = 10037
/** At most so many messages of a stream are asked for at once. */
const BATCH = 100
/** Nanoseconds for which the server waits for messages that it has counted, and that have gone meanwhile. */
const EXPIRY = 200e6
/** So often is what changes meanwhile read. */
const ATTEMPTS = 4

/** The answer, or why there is none. */
function answerOf (message: Msg): Answer {
  if (message.data.length === 0 && message.headers?.code === 503) {
    throw new RefusedError(0, 'NATS has no such stream, or no JetStream')
  }
  const answer = JSON.parse(Buffer.from(message.data.buffer, message.data.byteOffset, message.data.length).toString()) as Answer
  if (answer.error !== undefined) {
    throw new RefusedError(answer.error.err_code, `JetStream: ${answer.error.description}`)
  }
  return answer
}

/** @throws {RefusedError} */
export function ackOf (message: Msg): Ack {
  const { seq, duplicate } = answerOf(message)
  return { seq: seq!, isDuplicate: duplicate === true }
}

/** Only to be kept if the last message of its subject has this number; 0: if there is none. */
export function expecting (seq: number): MsgHdrs {
  const expected = headers()
  expected.set('Nats-Expected-Last-Subject-Sequence', String(seq))
  return expected
}

/** A stream on one connection. */
export class Stream {
  /** When it was created: no other stream of this name has the same. */
  epoch = ''
  readonly name: string
  readonly #link: Link
  readonly #settings: Settings
  /** Whether several servers have it. */
  #isCopied = false

  constructor (link: Link, settings: Settings, name: string) {
    this.#link = link
    this.#settings = settings
    this.name = name
  }

  /**
   * Creates the stream unless there is one.
   *
   * @throws if one of the same name is something else
   */
  async ensure (config: StreamConfig): Promise<StreamConfig> {
    const { storage, replicas } = this.#settings
    const whole = { name: this.name, retention: 'limits', discard: 'old', storage, num_replicas: replicas, allow_direct: true, ...config }
    const { created, config: found } = await this.#createOrFind(whole)
    const actual = found!
    if (actual.republish?.dest !== config.republish?.dest || actual.max_msgs_per_subject !== config.max_msgs_per_subject) {
      throw new Error(`the stream ${this.name} is none that this version makes`)
    }
    this.#isCopied = actual.num_replicas! > 1
    this.epoch = BigInt(created!.replace(/\D/g, '')).toString(36)
    return actual
  }

  /** Publishes a message of its own, and waits until it is kept; null: not the message that was expected is the last. */
  async put (subject: string, bytes: Uint8Array, expected: number): Promise<number | null> {
    try {
      return ackOf(await this.#link.request(subject, bytes, expecting(expected))).seq
    } catch (error) {
      if (error instanceof RefusedError && error.code === WRONG_LAST) return null
      throw error
    }
  }

  /** The last message of a subject. */
  lastOf (subject: string): Promise<Entry | null> {
    return this.#get({ last_by_subj: subject })
  }

  /** Whether a message is still there. */
  async has (seq: number): Promise<boolean> {
    return await this.#get({ seq }) !== null
  }

  /**
   * The messages of a subject, or of those that match it, from a number on: a batch at a time.
   *
   * @param most about how many are wanted: more are asked for if whoever reads goes on
   */
  async * from (subject: string, seq: number, most = BATCH): AsyncGenerator<Entry, void, undefined> {
    const { name, num_pending: count } = await this.#createConsumer(subject, seq)
    yield * this.#read(name!, count!, most)
  }

  async * #read (consumer: string, count: number, most: number): AsyncGenerator<Entry, void, undefined> {
    try {
      for (let left = count; left > 0;) {
        const entries = await this.#next(consumer, Math.min(left, most, BATCH))
        if (entries.length === 0) return
        yield * entries
        left = entries.at(-1)!.left
      }
    } finally {
      this.#drop(consumer)
    }
  }

  /** One message of each subject that matches. */
  async all (subject: string): Promise<Entry[]> {
    let list = await this.#list(subject)
    // One that is replaced while it is being read may be missed, or read twice.
    for (let attempt = 1; list.isShort && attempt < ATTEMPTS; attempt++) list = await this.#list(subject)
    return list.entries
  }

  async #list (subject: string): Promise<{ entries: Entry[], isShort: boolean }> {
    const { name, num_pending: count } = await this.#createConsumer(subject, 1)
    const found = new Map<string, Entry>()
    for await (const entry of this.#read(name!, count!, BATCH)) found.set(entry.subject, entry)
    return { entries: [...found.values()], isShort: found.size < count! }
  }

  /** How many messages there are of the subjects that match. */
  async count (subject: string): Promise<number> {
    const { name, num_pending: count } = await this.#createConsumer(subject, 1)
    this.#drop(name!)
    return count!
  }

  /** @returns whether it was there, and is gone now: of several that remove it, one hears so */
  async remove (seq: number): Promise<boolean> {
    try {
      await this.#call(`STREAM.MSG.DELETE.${this.name}`, { seq, no_erase: true })
      return true
    } catch (error) {
      if (error instanceof RefusedError && /no message found/.test(error.message)) return false
      throw error
    }
  }

  async #get (which: { last_by_subj: string } | { seq: number }): Promise<Entry | null> {
    // Copies may lag behind, so their leader is asked.
    if (this.#isCopied) {
      try {
        const { message } = await this.#call(`STREAM.MSG.GET.${this.name}`, which)
        return { ...message!, time: Date.parse(message!.time), data: Buffer.from(message!.data ?? '', 'base64') }
      } catch (error) {
        if (error instanceof RefusedError && error.code === NOT_FOUND) return null
        throw error
      }
    }
    const message = await this.#link.request(`${this.#settings.apiPrefix}.DIRECT.GET.${this.name}`, Buffer.from(JSON.stringify(which)))
    const found = message.headers
    if (found?.code === 404) return null
    if (found === undefined || found.code !== 0) throw new RefusedError(0, `NATS has no stream ${this.name}`)
    // The publisher may have written the same; what the server adds comes last.
    const [subject, seq, time] = ['Nats-Subject', 'Nats-Sequence', 'Nats-Time-Stamp'].map(name => found.last(name))
    return { subject: subject!, seq: Number(seq), time: Date.parse(time!), data: message.data }
  }

  async #createOrFind (config: StreamConfig): Promise<Answer> {
    try {
      return await this.#call(`STREAM.CREATE.${this.name}`, config)
    } catch (error) {
      if (error instanceof RefusedError && error.code === NAME_IN_USE) return this.#call(`STREAM.INFO.${this.name}`)
      throw error
    }
  }

  #createConsumer (subject: string, seq: number): Promise<Answer> {
    return this.#call(`CONSUMER.CREATE.${this.name}`, {
      stream_name: this.name,
      config: {
        deliver_policy: 'by_start_sequence',
        opt_start_seq: Math.max(1, seq),
        filter_subject: subject,
        ack_policy: 'none',
        mem_storage: true,
        num_replicas: 1,
        // Nanoseconds, as all that JetStream is told. We remove it ourselves, unless we are interrupted.
        inactive_threshold: 10e9
      }
    })
  }

  /** The next messages of a consumer; fewer if some of those that were counted have gone. */
  #next (consumer: string, count: number): Promise<Delivered[]> {
    const entries: Delivered[] = []
    return new Promise((resolve, reject) => {
      const request = Buffer.from(JSON.stringify({ batch: count, expires: EXPIRY }))
      this.#link.converse(`${this.#settings.apiPrefix}.CONSUMER.MSG.NEXT.${this.name}.${consumer}`, request, {
        onReply: message => {
          const code = message.headers?.code ?? 0
          if (code === 503) reject(new RefusedError(0, `NATS has no stream ${this.name}`))
          else if (code !== 0) resolve(entries)
          else if (entries.push(entryOf(message)) < count) return true
          else resolve(entries)
          return false
        },
        onFailed: reject
      })
    })
  }

  #drop (consumer: string): void {
    this.#link.publish(`${this.#settings.apiPrefix}.CONSUMER.DELETE.${this.name}.${consumer}`, new Uint8Array(0))
  }

  async #call (method: string, body?: unknown): Promise<Answer> {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    return answerOf(await this.#link.request(`${this.#settings.apiPrefix}.${method}`, bytes))
  }
}

/**
 * What a consumer delivers says in its reply subject what it is, the last parts being the number in the stream, the number of the
 * delivery, the time in nanoseconds, and how many messages there are behind it.
 */
function entryOf (message: Msg): Delivered {
  const parts = message.reply!.split('.')
  // Since 2.11, a domain, an account and a random part may stand around them.
  const at = parts.length > 9 ? 7 : 5
  return { subject: message.subject, seq: Number(parts[at]), time: Number(parts[at + 2]) / 1e6, left: Number(parts[at + 3]), data: message.data }
}
