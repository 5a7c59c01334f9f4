import type { Certificate } from '../../support/certificate.ts'
import type { Load, Role } from '../load.ts'

/** What the benchmark tells a server. */
export const { role, load, options, strings = false, subscribed = false, http2 = false, https }: {
  role: Role
  load: Load
  options: Record<string, any>
  strings?: boolean
  subscribed?: boolean
  http2?: boolean
  /** The certificate, if it is to be TLS. */
  https?: Certificate
} = JSON.parse(process.argv[2]!)

/** What a client sends to have something broadcast. */
export const TRIGGER = 'go'

/** What a broadcast sends. */
export const NEWS = 'n'.repeat(load.kind === 'fan-out' ? load.size : 0)
