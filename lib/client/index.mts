export { createClient } from './index.ts'
export type * from './index.ts'
