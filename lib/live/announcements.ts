import type { CloseMessage, HandshakeMessage, OpenMessage, RefusalMessage } from '../../types/diagnostics.ts'
import { endings, handshakes, openings, refusals } from './channels.ts'
import type { Observer } from './life.ts'

/** Publishes each stage of a socket's life on its diagnostics channel. */
export const announcements: Observer = {
  began (request) {
    if (handshakes.hasSubscribers) handshakes.publish({ request } satisfies HandshakeMessage)
  },

  refused (request, statusCode) {
    if (refusals.hasSubscribers) refusals.publish({ request, statusCode } satisfies RefusalMessage)
  },

  opened (socket) {
    if (openings.hasSubscribers) openings.publish({ socket: socket.public, request: socket.request } satisfies OpenMessage)
  },

  closed (socket, info, duration) {
    if (!endings.hasSubscribers) return
    const { messagesIn, messagesOut, bytesIn, bytesOut } = socket.connection
    endings.publish({ socket: socket.public, info, duration, messagesIn, messagesOut, bytesIn, bytesOut } satisfies CloseMessage)
  }
}
