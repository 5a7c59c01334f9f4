const PLACES = ['Utrecht', 'Kraków', 'Aarhus', 'Lyon', 'Porto', 'Graz', 'Tartu', 'Bergen']
const NAMES = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Alan', 'Radia', 'Donald', 'Frances']
const KINDS = ['order.created', 'order.updated', 'order.shipped', 'payment.received']
const WORDS = 'please leave it with the neighbours when nobody opens the door '

/** Numbers that look random and are the same in every run. */
class Dice {
  #state: number

  constructor (seed: number) {
    this.#state = seed
  }

  below (limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return Math.floor(this.#state / 2 ** 32 * limit)
  }

  pick (list: string[]): string {
    return list[this.below(list.length)]!
  }
}

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
