export { CloseCode, defineSocket } from './index.ts'
export type * from './index.ts'
