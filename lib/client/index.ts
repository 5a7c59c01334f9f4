import { clientOver } from './client.ts'
import { dialWebSocket } from './web-line.ts'

export { CloseCode } from '../contract/close-code.ts'

/** A client over the WebSocket of the platform. */
export const createClient = (base: string | URL, defaults?: any): any => clientOver(dialWebSocket, base, defaults)
