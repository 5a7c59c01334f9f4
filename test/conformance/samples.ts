import { BINARY, TEXT } from '../support/opcodes.ts'
import { generator } from '../support/splits.ts'
import { sampleBytes } from './row.ts'

/** Data of one kind: a document whose parts are the messages. */
export interface Sample {
  name: string
  opcode: number
  document: Buffer
  /** Whether compression makes its messages smaller. */
  shrinks: boolean
}

const SIZE = 512 * 1024
const ASCII = 'the a server client frame message that every waits for sends of opens closes and in order'.split(' ')
const UTF8 = 'κόσμε größer Übung naïve 日本語 здравствуй 😀 façade Ελλάδα мир 𝄞 señor wörter čas'.split(' ')

/** Words in random order, the same each time. */
function prose (words: string[], seed: number): Buffer {
  const next = generator(seed)
  let text = ''
  while (text.length < SIZE) text += `${words[Math.floor(next() * words.length)]}${next() < 0.1 ? '.\n' : ' '}`
  return Buffer.from(text)
}

function json (): Buffer {
  const next = generator(3)
  const items = []
  for (let id = 0; id < SIZE / 60; id++) {
    const name = ASCII[Math.floor(next() * ASCII.length)]
    items.push({ id, name, tags: [name, 'tag'], price: Math.round(next() * 10_000) / 100, active: next() < 0.5 })
  }
  return Buffer.from(JSON.stringify(items))
}

/** Shades of grey that change slowly, as in a picture. */
function picture (): Buffer {
  const next = generator(4)
  const data = Buffer.alloc(SIZE)
  for (let i = 0, shade = 128; i < SIZE; i++) {
    if (next() < 0.2) shade = shade + Math.floor(next() * 5) - 2 & 0xff
    data[i] = shade
  }
  return data
}

export const JSON_SAMPLE: Sample = { name: 'JSON', opcode: TEXT, document: json(), shrinks: true }

export const SAMPLES: Sample[] = [
  JSON_SAMPLE,
  { name: 'ASCII text', opcode: TEXT, document: prose(ASCII, 1), shrinks: true },
  { name: 'UTF-8 text', opcode: TEXT, document: prose(UTF8, 2), shrinks: true },
  { name: 'a picture', opcode: BINARY, document: picture(), shrinks: true },
  { name: 'bytes that do not compress', opcode: BINARY, document: sampleBytes(SIZE), shrinks: false }
]

/** The messages: parts of the document, one behind the other, from the start again where it ends. */
export function messagesOf ({ document, opcode }: Sample, size: number, count: number): Buffer[] {
  const parts = Math.floor(document.length / size)
  return Array.from({ length: count }, (_, index) => {
    const at = index % parts * size
    const part = Buffer.from(document.subarray(at, at + size))
    return opcode === TEXT ? wholeCharacters(part) : part
  })
}

/** Dots in place of characters that a cut has gone through. */
function wholeCharacters (part: Buffer): Buffer {
  for (let i = 0; i < part.length && isContinuation(part[i]!); i++) part[i] = 0x2e
  let start = part.length - 1
  while (start > 0 && isContinuation(part[start]!)) start--
  const lead = part[start]!
  const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (start + length > part.length) part.fill(0x2e, start)
  return part
}

function isContinuation (byte: number): boolean {
  return (byte & 0xc0) === 0x80
}
