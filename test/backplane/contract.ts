import { announcements } from './contract-announcements.ts'
import { history } from './contract-history.ts'
import { ids } from './contract-ids.ts'
import { members } from './contract-members.ts'
import { positions } from './contract-positions.ts'
import { processes } from './contract-processes.ts'
import type { Driver } from './driver.ts'

/** What every engine must do. */
export function engineContract (driver: Driver): void {
  announcements(driver)
  history(driver)
  positions(driver)
  ids(driver)
  members(driver)
  if (driver.isShared) processes(driver)
}
