import type { Message } from '../servers/chat.ts'
import { Dice } from './dice.ts'

const PLACES = ['Utrecht', 'Kraków', 'Aarhus', 'Lyon', 'Porto', 'Graz', 'Tartu', 'Bergen']
const NAMES = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Alan', 'Radia', 'Donald', 'Frances']
const KINDS = ['order.created', 'order.updated', 'order.shipped', 'payment.received']
const WORDS = 'please leave it with the neighbours when nobody opens the door '
const SENTENCES = [
  'The parcel is on its way. ', 'Příliš žluťoučký kůň úpěl ďábelské ódy. ', 'Zwölf Boxkämpfer jagen Viktor quer. ',
  'Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ', 'Съешь же ещё этих мягких французских булок. ', 'いろはにほへとちりぬるを。',
  '天地玄黃，宇宙洪荒。', 'Thanks a lot, see you at noon! 🎉👋🏽 ', '다람쥐 헌 쳇바퀴에 타고파. '
]

function record (dice: Dice): object {
  return {
    id: dice.below(1e6),
    kind: dice.pick(KINDS),
    customer: `${dice.pick(NAMES)} ${dice.pick(PLACES)}`,
    price: dice.below(1e5) / 100,
    at: new Date(1.7e12 + dice.below(1e9)).toISOString()
  }
}

/** As many records as there is room for, and a note that fills the rest. */
function message (dice: Dice, size: number): string {
  const records = [record(dice)]
  const bytes = (note: string): number => Buffer.byteLength(JSON.stringify({ records, note }))
  while (bytes('') <= size) records.push(record(dice))
  records.pop()
  const note = WORDS.repeat(Math.ceil(size / WORDS.length)).slice(0, size - bytes(''))
  return JSON.stringify({ records, note })
}

/** Different JSON messages of so many bytes each; the same ones every time. */
export function jsonMessages (count: number, size: number): string[] {
  return Array.from({ length: count }, (_, n) => message(new Dice(n + 1), size))
}

/** Bytes of every value, never the same for long. */
export function binaryMessage (size: number): Buffer {
  const dice = new Dice(size)
  return Buffer.from(Uint8Array.from({ length: size }, () => dice.below(256)))
}

/** Text of exactly so many bytes, in sequences of one to four. */
function text (dice: Dice, size: number): string {
  let text = ''
  let left = size
  while (left > 0) {
    const sentence = dice.pick(SENTENCES)
    for (const character of sentence) {
      const bytes = Buffer.byteLength(character)
      if (bytes > left) break
      text += character
      left -= bytes
    }
    if (left < Buffer.byteLength(sentence)) return text + '.'.repeat(left)
  }
  return text
}

/** Different texts that are not ASCII, of so many bytes each; the same ones every time. */
export function textMessages (count: number, size: number): string[] {
  return Array.from({ length: count }, (_, n) => text(new Dice(n + 1), size))
}

/** Different messages of the JSON loads, the same ones every time. */
export function chatMessages (count: number): Message[] {
  return Array.from({ length: count }, (_, n) => {
    const dice = new Dice(n + 1)
    return {
      room: dice.pick(PLACES),
      from: { id: 1 + dice.below(1e6), name: `${dice.pick(NAMES)} ${dice.pick(PLACES)}` },
      text: dice.pick(SENTENCES) + WORDS.slice(0, 1 + dice.below(WORDS.length)),
      n: dice.below(1e6),
      tags: dice.pick(KINDS).split('.')
    }
  })
}
