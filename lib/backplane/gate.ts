/** Something that is open or closed, and can be waited for while it is closed. */
export class Gate {
  #isOpen = false
  readonly #waiting = new Set<(isOpen: boolean) => void>()

  open (): void {
    this.#isOpen = true
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const go of waiting) go(true)
  }

  close (): void {
    this.#isOpen = false
  }

  /**
   * @param deadline milliseconds; null: none
   * @returns whether it is open
   */
  wait (deadline: number | null): Promise<boolean> {
    if (this.#isOpen) return Promise.resolve(true)
    return new Promise(resolve => {
      let timer: NodeJS.Timeout | null = null
      const go = (isOpen: boolean): void => {
        if (timer !== null) clearTimeout(timer)
        this.#waiting.delete(go)
        resolve(isOpen)
      }
      if (deadline !== null) timer = setTimeout(go, deadline, false).unref()
      this.#waiting.add(go)
    })
  }
}
