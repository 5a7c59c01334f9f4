import { isCloseCode } from '../contract/close-code.ts'
import { FST_ERR_WS_CLOSE_CODE, FST_ERR_WS_CLOSE_REASON } from '../errors.ts'
import { typeName } from './type-name.ts'

/** Whether a connection may be closed so. @throws {FST_ERR_WS_CLOSE_CODE | FST_ERR_WS_CLOSE_REASON} */
export function checkClose (code: number, reason: string): void {
  if (!isCloseCode(code)) throw new FST_ERR_WS_CLOSE_CODE(code)
  if (typeof reason !== 'string') throw new FST_ERR_WS_CLOSE_REASON(typeName(reason))
}
