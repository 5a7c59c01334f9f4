/**
 * A promise whose rejection nobody has to handle: if nobody does, it is reported, and does not end the process. `await` and
 * `Promise.all` call `then`, because this is a class of its own.
 */
export class Answer<Value> extends Promise<Value> {
  #isAwaited = false

  /** The promises that `then` makes are ordinary ones. */
  static override get [Symbol.species] (): PromiseConstructor {
    return Promise
  }

  /** Somebody waits for this promise by other means than its own `then`; does nothing for any other promise. */
  static awaited (promise: Promise<unknown>): void {
    if (#isAwaited in promise) promise.#isAwaited = true
  }

  /** @param report is called a turn after a rejection that nobody has asked for */
  static of<Value> (work: () => Promise<Value>, report: (error: unknown) => void): Answer<Value> {
    // What the work throws at once rejects as well.
    const answer = new Answer<Value>(resolve => { resolve(work()) })
    answer.#reportTo(report)
    return answer
  }

  /** Apart from `of`: a function made there would keep all that the work is about until the answer is there. */
  #reportTo (report: (error: unknown) => void): void {
    super.then(undefined, error => {
      setImmediate(() => { if (!this.#isAwaited) report(error) })
    })
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise
  override then<A = Value, B = never> (
    onFulfilled?: ((value: Value) => A | PromiseLike<A>) | null, onRejected?: ((error: any) => B | PromiseLike<B>) | null
  ): Promise<A | B> {
    this.#isAwaited = true
    return super.then(onFulfilled, onRejected)
  }
}
