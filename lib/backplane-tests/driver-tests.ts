import { driverAnnouncements } from './driver-announcements.ts'
import { driverMembers } from './driver-members.ts'
import { driverOutages } from './driver-outages.ts'
import { driverSetting, type TestProcess } from './driver-setting.ts'
import { type BackplaneTest, type Subject, testsOf } from './world.ts'

/** What only a driver does. */
export function driverTests<Process extends TestProcess> (subject: Subject<Process>): BackplaneTest[] {
  const all = [...driverAnnouncements, ...driverMembers, ...driverOutages]
  return testsOf(all, subject, world => driverSetting(subject, world))
}
