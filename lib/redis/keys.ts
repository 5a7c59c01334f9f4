/** How many slots of a cluster the topics are spread over. Part of the format: processes of all versions agree on it. */
export const PARTITIONS = 128

/** The names for so many topics are known without putting them together again. */
const MOST_TOPICS = 10_000

/** The names of the keys of a topic, and of its channel. */
export class TopicKeys {
  readonly partition: number
  /** What its messages are announced on. */
  readonly channel: string
  /** A hash: where it stands. */
  readonly meta: string
  /** A stream: its last messages. */
  readonly stream: string
  /** A hash: which message has which id. */
  readonly ids: string
  /** A hash: who is in it. */
  readonly members: string

  constructor (prefix: string, topic: string) {
    this.partition = partitionOf(topic)
    const start = `${prefix}:{${this.partition}}`
    const name = encoded(topic)
    this.channel = `${start}:c:${name}`
    this.meta = `${start}:m:${name}`
    this.stream = `${start}:s:${name}`
    this.ids = `${start}:i:${name}`
    this.members = `${start}:p:${name}`
  }
}

/**
 * The names of keys and channels. The number in braces decides which slot of a cluster a key is in, so all that belongs to one
 * topic is in one place, and topics with the same number can share a command.
 */
export class Keys {
  readonly #prefix: string
  /** A sorted set: until when the lease of each process is. */
  readonly nodes: string
  /** A sorted set: processes that are gone, and when to look whether nothing of them is left. */
  readonly gone: string
  /** A channel for all processes. */
  readonly signals: string
  readonly #topics = new Map<string, TopicKeys>()

  /** @param prefix has no braces */
  constructor (prefix: string) {
    this.#prefix = prefix
    this.nodes = `${prefix}:{0}:nodes`
    this.gone = `${prefix}:{0}:gone`
    this.signals = `${prefix}:{0}:signals`
  }

  /** The names for a topic. */
  of (topic: string): TopicKeys {
    let keys = this.#topics.get(topic)
    if (keys !== undefined) return keys
    // Names may come from clients.
    if (this.#topics.size === MOST_TOPICS) this.#topics.clear()
    this.#topics.set(topic, keys = new TopicKeys(this.#prefix, topic))
    return keys
  }

  /** A hash: the topics of a partition that a process has members in, and how many. */
  topicsOf (node: string, partition: number): string {
    return `${this.#prefix}:{${partition}}:n:${node}`
  }

  /** What a process sends to itself. */
  ping (node: string, partition: number): string {
    return `${this.#prefix}:{${partition}}:ping:${node}`
  }
}

/** FNV-1a of the UTF-16 code units. */
export function partitionOf (topic: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < topic.length; i++) hash = Math.imul(hash ^ topic.charCodeAt(i), 0x01000193)
  // The upper bits as well: the lower ones alone depend on the lower ones of each character only.
  return (hash ^ hash >>> 16) & PARTITIONS - 1
}

/** The partition of a key or channel that one of the methods above has named. */
export function partitionIn (key: string): number {
  const start = key.indexOf('{') + 1
  return Number(key.slice(start, key.indexOf('}', start)))
}

const LONE_SURROGATE = /\p{Surrogate}/u

/** Any text as one that survives UTF-8. Almost every text is its own: half of a surrogate pair is not. */
export function encoded (text: string): string {
  return text.startsWith('~') || LONE_SURROGATE.test(text) ? `~${Buffer.from(text, 'utf16le').toString('base64url')}` : text
}

/** The text that was encoded. */
export function decoded (text: string): string {
  return text.startsWith('~') ? Buffer.from(text.slice(1), 'base64url').toString('utf16le') : text
}
