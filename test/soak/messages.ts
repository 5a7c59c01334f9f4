import type { Random } from '../differential/random.ts'

/** What every message is, as JSON; also on routes that know nothing of JSON. */
export interface Message {
  /** From 1, for each client. */
  n: number
  text: string
}

/** Repeats itself as messages do, and has characters of one, two and three bytes. */
const WORDS = ['soak', 'Größe', '漢字', 'ping', 'frame', '¿qué?', 'close', '0123456789', '{"key":', '\\n', '€']
const TEXT = Array.from({ length: 16_000 }, (_, i) => WORDS[i * i % 31 % WORDS.length]).join(' ')

/** Mostly short; some are compressed, and a few so long that Node's thread pool does it. */
function anyLength (random: Random): number {
  if (random.chance(0.8)) return random.int(200)
  return random.chance(0.9) ? random.int(4000) : random.int(40_000)
}

export function anyMessage (n: number, random: Random): string {
  const length = anyLength(random)
  const from = random.int(TEXT.length - length)
  return stringify(n, TEXT.slice(from, from + length))
}

export function stringify (n: number, text: string): string {
  return JSON.stringify({ n, text })
}

export function parse (message: string | Buffer): Message {
  return JSON.parse(message.toString())
}
