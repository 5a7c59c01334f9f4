/* What a server may send (RFC 6455 §5), looked at frame by frame. */
import { frameExtent, readFrame, type WireFrame } from '../support/frames.ts'
import { CLOSE, CONTINUATION } from '../support/opcodes.ts'

const OPCODES = [0, 1, 2, 8, 9, 10]
const RSV1 = 4

export class FrameReader {
  readonly #deflated: boolean
  readonly #onFrame: (frame: WireFrame) => void
  readonly #onFault: (text: string) => void
  #chunks: Buffer[] = []
  #length = 0
  /** With so many bytes the next frame is complete, or more is known of it. */
  #needed = 2
  #isClosed = false
  #isBroken = false

  /** @param deflated whether compression was agreed on */
  constructor (deflated: boolean, onFrame: (frame: WireFrame) => void, onFault: (text: string) => void) {
    this.#deflated = deflated
    this.#onFrame = onFrame
    this.#onFault = onFault
  }

  push (chunk: Buffer): void {
    if (this.#isBroken) return
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < this.#needed) return
    let bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    let extent = frameExtent(bytes)
    while (extent !== null && bytes.length >= extent.end) {
      this.#take(readFrame(bytes)!)
      bytes = bytes.subarray(extent.end)
      extent = frameExtent(bytes)
    }
    this.#chunks = [bytes]
    this.#length = bytes.length
    this.#needed = extent?.end ?? bytes.length + 1
  }

  #take (frame: WireFrame): void {
    const { fin, rsv, opcode, masked, payload } = frame
    if (this.#isClosed) this.#fault(`a frame with opcode ${opcode} behind the close frame`)
    else if (masked) this.#fault('a masked frame')
    else if (!OPCODES.includes(opcode)) this.#fault(`opcode ${opcode}`)
    else if (rsv !== 0 && (rsv !== RSV1 || !this.#deflated || opcode >= CLOSE || opcode === CONTINUATION)) {
      this.#fault(`reserved bits ${rsv} with opcode ${opcode}`)
    } else if (opcode >= CLOSE && (!fin || payload.length > 125)) this.#fault('a control frame of the wrong form')
    else if (opcode === CLOSE && payload.length === 1) this.#fault('a close frame with one byte')
    else {
      this.#isClosed ||= opcode === CLOSE
      this.#onFrame(frame)
    }
  }

  #fault (text: string): void {
    this.#isBroken = true
    this.#onFault(`the server sent ${text}`)
  }
}
