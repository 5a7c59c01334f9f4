/** Frames to send one after another, over and over, so many of them in one piece as are due. */
export class FrameRing {
  readonly #frames: number
  readonly #bytes: Buffer
  readonly #starts: number[] = [0]

  /** @param most frames that will be taken at once */
  constructor (frames: Buffer[], most: number) {
    this.#frames = frames.length
    const laidOut = Array.from({ length: frames.length + most }, (_, n) => frames[n % frames.length]!)
    this.#bytes = Buffer.concat(laidOut)
    for (const frame of laidOut) this.#starts.push(this.#starts.at(-1)! + frame.length)
  }

  /** @param from how many frames were taken before */
  take (from: number, count: number): Buffer {
    const first = from % this.#frames
    return this.#bytes.subarray(this.#starts[first], this.#starts[first + count])
  }
}
