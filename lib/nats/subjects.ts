import { createHash } from 'node:crypto'
import type { Retention } from '../../types/backplane.ts'

/** Longer tokens are hashed: a server reads at most 4,096 bytes for a subject, and some commands have two tokens. */
const MAX_TOKEN = 1300

/**
 * Any text as one token of a subject. Different texts have different tokens: what is not a letter, a digit or one of `/_:-` is
 * written as `=` and four hexadecimal digits for each UTF-16 unit, so half of a surrogate pair is told apart as well.
 */
export function token (text: string): string {
  if (text === '') return '='
  const escaped = text.replace(/[^\w/:-]/g, character => `=${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return escaped.length <= MAX_TOKEN ? escaped : `==${hash(text)}`
}

/** Any text as 43 characters that may stand in a header. */
export function hash (text: string): string {
  return createHash('sha256').update(text, 'utf16le').digest('base64url')
}

/** The subjects and streams of one prefix. */
export class Subjects {
  readonly signal: string
  /** Of members, and of the processes that they are in. */
  readonly membersStream: string
  readonly allMembers: string
  readonly allNodes: string
  readonly #prefix: string

  constructor (prefix: string) {
    this.#prefix = prefix
    this.signal = `${prefix}.signal`
    this.membersStream = `${prefix}-members`
    this.allMembers = `${prefix}.member.*.*`
    this.allNodes = `${prefix}.node.*`
  }

  /** Where a topic without a retention is announced. */
  live (topic: string): string {
    return `${this.#prefix}.live.${token(topic)}`
  }

  /** The stream of all topics with the same retention. */
  stream (kind: string): string {
    return `${this.#prefix}-${kind}`
  }

  /** What a stream keeps of a topic; `*` for all. */
  kept (kind: string, topicToken: string): string {
    return `${this.#prefix}.in.${kind}.${topicToken}`
  }

  /** Where the stream announces what it has kept. */
  announced (kind: string, topicToken: string): string {
    return `${this.#prefix}.out.${kind}.${topicToken}`
  }

  member (topic: string, id: string): string {
    return `${this.#prefix}.member.${token(topic)}.${token(id)}`
  }

  members (topic: string): string {
    return `${this.#prefix}.member.${token(topic)}.*`
  }

  node (id: string): string {
    return `${this.#prefix}.node.${id}`
  }
}

/** Topics with the same retention share a stream. */
export function kindOf ({ size, ttl }: Retention): string {
  return `${size}-${ttl}`
}
