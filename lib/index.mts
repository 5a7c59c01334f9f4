// The same instance for import: what it loads is CommonJS in either case.
import sockets from './index.ts'

export { sockets as default, sockets }
export { CloseCode, errors, ProtocolError } from './exports.ts'
export type * from '../types/index.ts'
