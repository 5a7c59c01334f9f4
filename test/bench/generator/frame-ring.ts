/** Frames to send one after another, over and over, so many of them in one piece as are due. */
export class FrameRing {
  readonly #frames: number
  readonly #most: number
  readonly #bytes: Buffer
  readonly #starts: number[] = [0]
  /** Pieces that were taken before: sending allocates none. */
  readonly #pieces: Array<Buffer | undefined>

  /** @param most frames that will be taken at once */
  constructor (frames: Buffer[], most: number) {
    this.#frames = frames.length
    this.#most = most
    const laidOut = Array.from({ length: frames.length + most }, (_, n) => frames[n % frames.length]!)
    this.#bytes = Buffer.concat(laidOut)
    for (const frame of laidOut) this.#starts.push(this.#starts.at(-1)! + frame.length)
    this.#pieces = Array.from({ length: frames.length * (most + 1) })
  }

  /** @param from how many frames were taken before */
  take (from: number, count: number): Buffer {
    const first = from % this.#frames
    const piece = first * (this.#most + 1) + count
    return this.#pieces[piece] ??= this.#bytes.subarray(this.#starts[first], this.#starts[first + count])
  }
}
