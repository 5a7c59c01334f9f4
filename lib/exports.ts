// Node finds the names of a CommonJS module in its text, but not those that index.ts assigns to a function.
export * as errors from './errors.ts'
export { CloseCode } from './contract/close-code.ts'
export { ProtocolError } from './protocol/protocol-error.ts'
