import { FrameDecoder, type Role } from '../../lib/protocol/frame-decoder.ts'
import { MessageAssembler, type MessageSink } from '../../lib/protocol/message-assembler.ts'
import { ProtocolError } from '../../lib/protocol/protocol-error.ts'

/** What a reader made of a stream. */
export interface Outcome {
  /** Everything handed on, in order: `text …`, `binary …`, `ping …`, `pong …`, `close <code> …`; bytes as Latin-1. */
  events: string[]
  /** The close code of the violation; 0: none. */
  code: number
  message: string
  /** Chunks taken up to the violation or the close frame, or all. */
  taken: number
}

/** What is done to the decoder inside an event. */
export type Act = 'nothing' | 'pause' | 'resume' | 'pause, resume'

export interface DecodeOptions {
  maxPayload?: number
  /** For each event in turn, from the beginning again when they are used up. */
  acts?: readonly Act[]
}

/**
 * Our side: chunks in, everything handed on and the verdict out. Chunks are copied first and spoilt afterwards, as a
 * transport may. Throws whatever is not a ProtocolError.
 */
export function decode (role: Role, chunks: readonly Uint8Array[], options: DecodeOptions = {}): Outcome {
  const { maxPayload = 1024 * 1024, acts = [] } = options
  const outcome: Outcome = { events: [], code: 0, message: '', taken: 0 }
  const note = (event: string): void => {
    if (outcome.code !== 0) throw new Error('an event after the violation')
    if (held) throw new Error('an event during a pause')
    outcome.events.push(event)
    const act = acts[(outcome.events.length - 1) % acts.length]
    held = act === 'pause'
    if (act === 'pause' || act === 'pause, resume') decoder.pause()
    if (act === 'resume' || act === 'pause, resume') decoder.resume()
  }
  const sink: MessageSink = {
    onText (text, byteLength) {
      if (Buffer.byteLength(text) !== byteLength) throw new Error(`${byteLength} bytes announced for ${text}`)
      note(`text ${text}`)
    },
    onBinary: data => note(`binary ${data.toString('latin1')}`),
    onPing: payload => note(`ping ${payload.toString('latin1')}`),
    onPong: payload => note(`pong ${payload.toString('latin1')}`),
    onClose (code, reason) {
      note(`close ${code} ${reason}`)
      closed = true
      decoder.stop()
    }
  }
  let closed = false
  let held = false
  const decoder = new FrameDecoder(role, new MessageAssembler(sink, maxPayload))
  for (const chunk of chunks) {
    const lent = Buffer.from(chunk)
    if (outcome.code === 0 && !closed) outcome.taken++
    try {
      decoder.push(lent)
      while (decoder.pending) {
        held = false
        decoder.resume()
      }
    } catch (error) {
      if (!(error instanceof ProtocolError) || outcome.code !== 0) throw error
      outcome.code = error.closeCode
      outcome.message = error.message
    }
    lent.fill(0xaa)
  }
  return outcome
}
