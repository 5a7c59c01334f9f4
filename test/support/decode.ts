import type { Duplex } from 'node:stream'
import { Reader, type ReaderOwner } from '../../lib/connection/reader.ts'
import type { Direction } from '../../lib/deflate/negotiate.ts'
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

/** What is done inside an event. */
export type Act = 'nothing' | 'pause' | 'resume' | 'pause, resume'

export interface DecodeOptions {
  maxPayload?: number
  /** For each event in turn, from the beginning again when they are used up. */
  acts?: readonly Act[]
}

interface Pausable {
  pause: () => void
  resume: () => void
}

/** Writes down what happens, and finds fault with what must not. */
class Notes {
  readonly outcome: Outcome = { events: [], code: 0, message: '', taken: 0 }
  readonly #acts: readonly Act[]
  readonly #reader: Pausable
  closed = false
  /** Inside of a pause that nobody has ended. */
  held = false

  constructor (acts: readonly Act[], reader: Pausable) {
    this.#acts = acts
    this.#reader = reader
  }

  event (event: string): void {
    if (this.isOver) throw new Error('an event after the end')
    if (this.held) throw new Error('an event during a pause')
    this.outcome.events.push(event)
    const act = this.#acts[(this.outcome.events.length - 1) % this.#acts.length]
    this.held = act === 'pause'
    if (act === 'pause' || act === 'pause, resume') this.#reader.pause()
    if (act === 'resume' || act === 'pause, resume') this.#reader.resume()
  }

  fail (error: unknown): void {
    if (!(error instanceof ProtocolError) || this.isOver) throw error
    this.outcome.code = error.closeCode
    this.outcome.message = error.message
  }

  get isOver (): boolean {
    return this.closed || this.outcome.code !== 0
  }

  sink (stop: () => void): MessageSink {
    return {
      onText: (text, byteLength) => {
        if (Buffer.byteLength(text) !== byteLength) throw new Error(`${byteLength} bytes announced for ${text}`)
        this.event(`text ${text}`)
      },
      onBinary: data => this.event(`binary ${data.toString('latin1')}`),
      onPing: payload => this.event(`ping ${payload.toString('latin1')}`),
      onPong: payload => this.event(`pong ${payload.toString('latin1')}`),
      onClose: (code, reason) => {
        this.event(`close ${code} ${reason}`)
        this.closed = true
        stop()
      }
    }
  }
}

/**
 * Our side without extensions: chunks in, everything handed on and the verdict out. Chunks are copied first and spoilt
 * afterwards, as a transport may. Throws whatever is not a ProtocolError.
 */
export function decode (role: Role, chunks: readonly Uint8Array[], options: DecodeOptions = {}): Outcome {
  const { maxPayload = 1024 * 1024, acts = [] } = options
  const notes = new Notes(acts, { pause: () => decoder.pause(), resume: () => decoder.resume() })
  const decoder = new FrameDecoder(role, new MessageAssembler(notes.sink(() => decoder.stop()), maxPayload))
  for (const chunk of chunks) {
    const lent = Buffer.from(chunk)
    if (!notes.isOver) notes.outcome.taken++
    try {
      decoder.push(lent)
      while (decoder.pending) {
        notes.held = false
        decoder.resume()
      }
    } catch (error) {
      notes.fail(error)
    }
    lent.fill(0xaa)
  }
  return notes.outcome
}

/** The same with permessage-deflate. */
export async function decodeCompressed (
  role: Role, chunks: readonly Uint8Array[], compression: Direction, options: DecodeOptions = {}
): Promise<Outcome> {
  const { maxPayload = 1024 * 1024, acts = [] } = options
  const notes = new Notes(acts, { pause: () => reader.pause(), resume: () => reader.resume() })
  /** Called when it may be reading again. */
  let onFlowing = (): void => {}
  let fault: unknown = null
  const owner: ReaderOwner = {
    ...notes.sink(() => reader.stop()),
    onReading () {},
    onReadStart () {},
    onReadEnd: () => onFlowing(),
    onPeerEnded () {},
    onTransportGone () {},
    onOverRate () {},
    onFailure (error) { fault ??= error },
    onViolation (error) {
      try {
        notes.fail(error)
      } catch (other) {
        fault ??= other
      }
      reader.stop()
    }
  }
  const duplex = { pause () {}, resume: () => onFlowing() } as unknown as Duplex
  const reader = new Reader(role, duplex, owner, maxPayload, compression, null)
  for (const chunk of chunks) {
    const lent = Buffer.from(chunk)
    if (!notes.isOver) notes.outcome.taken++
    reader.read(lent, lent.length)
    while (reader.isPaused) {
      const flowing = new Promise<void>(resolve => { onFlowing = resolve })
      if (notes.held) {
        notes.held = false
        reader.resume()
      }
      if (!reader.isPaused || notes.held) continue
      // A message is being inflated, which nothing may hurry.
      if (acts.includes('pause, resume')) {
        reader.pause()
        reader.resume()
      }
      await flowing
    }
    lent.fill(0xaa)
  }
  reader.stop()
  if (fault !== null) throw fault
  return notes.outcome
}
