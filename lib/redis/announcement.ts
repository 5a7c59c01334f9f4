/**
 * What is published on a channel: one or several messages of a topic, in order. A line of text, then their bytes, one behind the
 * other. The line begins with the version of this format. A process ignores versions that it does not know, so that a later
 * version can announce in both while processes are replaced one by one.
 *
 * - `1 epoch first tag-in-front tag:length tag:length …`: messages that have been numbered, from `first` on
 * - `1 - length length …`: messages of a topic that keeps none
 *
 * The first kind is put together by the script `publish`, except for what comes behind the tag in front (`numberedPart`).
 */
export interface Announcement {
  /** Null: the messages have no numbers. */
  readonly epoch: string | null
  /** The number of the first message. */
  readonly first: number
  /** The tag of the message in front of the first. */
  readonly tagInFront: number
  readonly messages: ReadonlyArray<{ readonly tag: number, readonly bytes: Buffer }>
}

const NEW_LINE = 10

/** All that is announced together, without numbers. */
export function announce (messages: readonly Uint8Array[]): Buffer {
  const line = `1 - ${messages.map(bytes => bytes.length).join(' ')}\n`
  return Buffer.concat([Buffer.from(line, 'latin1'), ...messages])
}

/** The end of the line for messages that a script numbers. */
export function numberedPart (tags: readonly number[], messages: readonly Uint8Array[]): string {
  let text = ''
  for (let i = 0; i < tags.length; i++) text += `${i === 0 ? '' : ' '}${tags[i]}:${messages[i]!.length}`
  return text
}

/** @returns null: of another version, or no announcement at all */
export function parseAnnouncement (payload: Buffer): Announcement | null {
  const end = payload.indexOf(NEW_LINE)
  const words = payload.toString('latin1', 0, Math.max(0, end)).split(' ')
  if (words[0] !== '1' || words.length < 3) return null
  const isNumbered = words[1] !== '-'
  const messages = []
  let start = end + 1
  for (let i = isNumbered ? 4 : 2; i < words.length; i++) {
    const word = words[i]!
    const colon = word.indexOf(':')
    const next = start + Number(word.slice(colon + 1))
    messages.push({ tag: isNumbered ? Number(word.slice(0, colon)) : 0, bytes: payload.subarray(start, next) })
    start = next
  }
  // Also if a length was no number.
  if (start !== payload.length) return null
  return isNumbered
    ? { epoch: words[1]!, first: Number(words[2]), tagInFront: Number(words[3]), messages }
    : { epoch: null, first: 0, tagInFront: 0, messages }
}
