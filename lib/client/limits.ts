import { fault } from '../contract/fault.ts'

/**
 * Makes sure of options that are sizes and times; Infinity is one.
 *
 * @throws {FST_ERR_WS_CLIENT_OPTION} one is no number, or negative
 */
export function checkLimits (limits: object): void {
  for (const [name, limit] of Object.entries(limits)) {
    if (limit !== undefined && Math.abs(limit) !== limit) throw fault('FST_ERR_WS_CLIENT_OPTION', `bad option ${name}`)
  }
}
