/** How much of a fault is shown, and how often one of a kind. */
const MOST_LINES = 40
const LONGEST_LINE = 240
const MOST_SHOWN = 3

/** What did not hold, by what it is: the same from many rounds is one line of the summary. */
export class Faults {
  readonly #kinds = new Map<string, { count: number, replay: string, detail: string }>()

  get count (): number {
    return [...this.#kinds.values()].reduce((sum, { count }) => sum + count, 0)
  }

  /** @param replay how it is seen again */
  add (kind: string, replay: string, detail: string): void {
    const known = this.#kinds.get(kind)
    if (known === undefined) this.#kinds.set(kind, { count: 1, replay, detail })
    else known.count++
    if ((known?.count ?? 0) <= MOST_SHOWN) console.log(`    FAULT  ${kind} (${replay})\n${indented(detail)}`)
  }

  print (): void {
    for (const [kind, { count, replay }] of this.#kinds) {
      console.log(`  ${count} × ${kind}; first: npm run test:chaos -- ${replay}`)
    }
  }
}

function indented (text: string): string {
  return text.split('\n').slice(0, MOST_LINES).map(line => `           ${line.slice(0, LONGEST_LINE)}`).join('\n')
}
