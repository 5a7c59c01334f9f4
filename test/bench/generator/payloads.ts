import { deflate, RSV1 } from '../../support/deflate.ts'
import { masked } from '../../support/frames.ts'
import { BINARY, TEXT } from '../../support/opcodes.ts'
import type { EchoLoad } from '../loads/echo.ts'
import { binaryMessage, chatMessages, jsonMessages, textMessages } from './messages.ts'
import { FrameRing } from './frame-ring.ts'
import { ReplyCounter } from './reply-counter.ts'

export const FIN = 0x80
export const COMPRESSED = 0x40
const DIFFERENT_MESSAGES = 16
/** Twice the largest window of DEFLATE: what comes round again must not be found in it. */
const DIFFERENT_BYTES = 64 * 1024

/** What a connection sends, once it is known what the server agreed to. */
export function ringOf ({ content, size, inFlight }: EchoLoad, responseHead: string): FrameRing {
  return new FrameRing(frames(), inFlight)

  function frames (): Buffer[] {
    if (content === 'binary') return [masked(BINARY, binaryMessage(size))]
    const count = Math.max(DIFFERENT_MESSAGES, Math.ceil(DIFFERENT_BYTES / Math.max(size, DIFFERENT_MESSAGES)))
    if (content === 'json') return chatMessages(DIFFERENT_MESSAGES).map(chat => masked(TEXT, JSON.stringify(chat)))
    if (content === 'text') {
      return textMessages(size < DIFFERENT_BYTES ? count : 1, size).map(text => masked(TEXT, text))
    }
    const windowBits = agreedWindowBits(/^sec-websocket-extensions: *(.*)$/im.exec(responseHead)?.[1])
    return jsonMessages(count, size).map(text => masked(TEXT, deflate(text, { windowBits }), { rsv: RSV1 }))
  }
}

/** Reads the replies. */
export function counterOf ({ content, size }: EchoLoad): ReplyCounter {
  if (content === 'binary') return new ReplyCounter(FIN | BINARY, size)
  if (content === 'text') return new ReplyCounter(FIN | TEXT, size)
  return new ReplyCounter(FIN | TEXT | (content === 'deflate' ? COMPRESSED : 0), null)
}

/**
 * The window that the client may use.
 *
 * @param extensions of the 101, which must have agreed
 */
export function agreedWindowBits (extensions: string | undefined): number {
  if (!extensions?.startsWith('permessage-deflate')) throw new Error(`no agreement on compression: ${extensions}`)
  return Number(/client_max_window_bits="?(\d+)/.exec(extensions)?.[1] ?? 15)
}
