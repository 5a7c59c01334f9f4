// The same for import: what it loads is CommonJS in either case.
export { nats } from './index.ts'
export type { NatsBackplaneOptions, NatsConnectionOptions } from './index.ts'
