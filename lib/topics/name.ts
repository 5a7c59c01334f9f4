import { FST_ERR_WS_TOPIC_NAME, FST_ERR_WS_TOPIC_PARAMS, FST_ERR_WS_TOPIC_URL } from '../errors.ts'

/** The longest name of a topic, in characters. */
const MAX_NAME = 255

/** Begins with a slash, and does not end with one; a parameter is a whole segment. */
const VALID = /^\/(?:(?:[^/:*()?]+|:\w+)(?:\/(?!$)|$))*$/

/** The URL of a declared topic: its text, and where the values of its parameters go. */
export class TopicUrl {
  readonly text: string
  /** The names of the parameters, in order. */
  readonly params: readonly string[]
  /** The text before, between and behind them. */
  readonly #around: readonly string[]

  /**
   * @param url parameters are whole segments: `/rooms/:room`
   * @param prefix of the instance that declares it
   * @throws {FST_ERR_WS_TOPIC_URL}
   */
  constructor (url: string, prefix: string) {
    if (typeof url !== 'string' || !VALID.test(url)) throw new FST_ERR_WS_TOPIC_URL(url)
    this.text = joined(prefix, url)
    // A prefix may have parameters that are no whole segments.
    if (!VALID.test(this.text)) throw new FST_ERR_WS_TOPIC_URL(this.text)
    const parts = this.text.split(/(?<=\/):(\w+)/)
    this.params = parts.filter((_, i) => i % 2 === 1)
    this.#around = parts.filter((_, i) => i % 2 === 0)
    if (new Set(this.params).size < this.params.length) throw new FST_ERR_WS_TOPIC_URL(this.text)
  }

  /**
   * The name of the topic with these parameters. Each value is encoded, so different values never make the same name.
   *
   * @throws {FST_ERR_WS_TOPIC_PARAMS | FST_ERR_WS_TOPIC_NAME}
   */
  name (params: Record<string, unknown>): string {
    let name = this.#around[0]!
    for (let i = 0; i < this.params.length; i++) name += encoded(this.params[i]!, params[this.params[i]!]) + this.#around[i + 1]!
    if (name.length > MAX_NAME) throw new FST_ERR_WS_TOPIC_NAME(MAX_NAME)
    return name
  }

  /** Whether a name is that of a topic with this URL. */
  matches (name: string): boolean {
    const own = this.text.split('/')
    const others = name.split('/')
    return own.length === others.length && own.every((segment, i) => segment === others[i] || (segment.startsWith(':') && others[i] !== ''))
  }

  /** Whether both could have a topic of the same name. */
  overlaps (other: TopicUrl): boolean {
    const own = this.text.split('/')
    const others = other.text.split('/')
    return own.length === others.length && own.every((segment, i) => {
      const other = others[i]!
      // A parameter is never empty; of '/' the only segment is.
      return segment === other || (segment !== '' && other !== '' && (segment.startsWith(':') || other.startsWith(':')))
    })
  }
}

/** As Fastify joins a prefix with the URL of a route, but never with a slash at the end. */
function joined (prefix: string, url: string): string {
  const start = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix
  return url === '/' && start !== '' ? start : start + url
}

/** @throws {FST_ERR_WS_TOPIC_PARAMS} */
function encoded (name: string, value: unknown): string {
  const text = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' ? String(value) : value
  if (typeof text !== 'string' || text === '') throw new FST_ERR_WS_TOPIC_PARAMS(`params/${name} must be a string that is not empty`)
  // A name this long is refused in any case: encoding it might take long.
  if (text.length > MAX_NAME) throw new FST_ERR_WS_TOPIC_NAME(MAX_NAME)
  try {
    return encodeURIComponent(text)
  } catch (cause) {
    // Half of a surrogate pair.
    throw new FST_ERR_WS_TOPIC_PARAMS(`params/${name} is not well-formed text`, { cause })
  }
}

/**
 * Names that users choose may not begin with '/': those belong to declared topics.
 *
 * @throws {FST_ERR_WS_TOPIC_NAME}
 */
export function checkName (name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME || name.startsWith('/')) throw new FST_ERR_WS_TOPIC_NAME(MAX_NAME)
}
