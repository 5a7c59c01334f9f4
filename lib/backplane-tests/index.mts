// The same instance for import: what it loads is CommonJS in either case.
export { backplaneTests, Relay } from './index.ts'
export type * from './index.ts'
