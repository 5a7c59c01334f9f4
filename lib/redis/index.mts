// The same instance for import: what it loads is CommonJS in either case.
export { redis } from './index.ts'
export type { Backplane, RedisClient, RedisOptions } from './index.ts'
