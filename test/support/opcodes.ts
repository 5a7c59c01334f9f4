/** Frame opcodes (RFC 6455 §11.8), from the RFC and not from what is tested. */
export const CONTINUATION = 0
export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10
