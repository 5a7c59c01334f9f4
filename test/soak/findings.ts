const MOST_SHOWN = 8

interface Finding {
  looked: number
  unit: string
  faults: string[]
}

/** What has been looked at, and what does not hold. */
export class Findings {
  readonly #checks = new Map<string, Finding>()

  /** @param looked how many of `unit` were looked at */
  add (check: string, looked: number, unit: string, faults: string[]): void {
    const finding = this.#checks.get(check) ?? { looked: 0, unit, faults: [] }
    this.#checks.set(check, finding)
    finding.looked += looked
    finding.faults.push(...faults)
  }

  /** @returns how many checks have found a fault */
  print (): number {
    let failed = 0
    for (const [check, { looked, unit, faults }] of this.#checks) {
      const counted = `${unit}: ${looked.toLocaleString('en')}`
      if (faults.length === 0) {
        console.log(`  ok      ${check} (${counted})`)
        continue
      }
      failed++
      console.log(`  FAILED  ${check} (${counted}, faults: ${faults.length.toLocaleString('en')})`)
      for (const fault of faults.slice(0, MOST_SHOWN)) console.log(`            ${fault}`)
      if (faults.length > MOST_SHOWN) console.log(`            and ${faults.length - MOST_SHOWN} more`)
    }
    return failed
  }
}
