/** How many slots of a cluster the topics are spread over. Part of the format: processes of all versions agree on it. */
export const PARTITIONS = 128

/**
 * The names of keys and channels. The number in braces decides which slot of a cluster a key is in, so all that belongs to one
 * topic is in one place, and topics with the same number can share a command.
 */
export class Keys {
  readonly #prefix: string
  /** Of this process: pings on its own channel. */
  readonly nodes: string
  readonly gone: string
  readonly signals: string

  /** @param prefix has no braces */
  constructor (prefix: string) {
    this.#prefix = prefix
    this.nodes = `${prefix}:{0}:nodes`
    this.gone = `${prefix}:{0}:gone`
    this.signals = `${prefix}:{0}:signals`
  }

  /** What a topic's messages are announced on. */
  channel (topic: string): string {
    return this.#of(topic, 'c')
  }

  /** A hash: where the topic stands. */
  meta (topic: string): string {
    return this.#of(topic, 'm')
  }

  /** A stream: its last messages. */
  stream (topic: string): string {
    return this.#of(topic, 's')
  }

  /** A hash: which message has which id. */
  ids (topic: string): string {
    return this.#of(topic, 'i')
  }

  /** A hash: who is in the topic. */
  members (topic: string): string {
    return this.#of(topic, 'p')
  }

  /** A hash: the topics of a partition that a process has members in, and how many. */
  topicsOf (node: string, partition: number): string {
    return `${this.#prefix}:{${partition}}:n:${node}`
  }

  /** What a process sends to itself. */
  ping (node: string, partition: number): string {
    return `${this.#prefix}:{${partition}}:ping:${node}`
  }

  #of (topic: string, kind: string): string {
    return `${this.#prefix}:{${partitionOf(topic)}}:${kind}:${encoded(topic)}`
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
