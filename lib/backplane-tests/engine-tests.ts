import type { Engine } from '../backplane/engine.ts'
import { announcements } from './engine-announcements.ts'
import { history } from './engine-history.ts'
import { ids } from './engine-ids.ts'
import { members } from './engine-members.ts'
import { outages } from './engine-outages.ts'
import { positions } from './engine-positions.ts'
import { processes } from './engine-processes.ts'
import { engineSetting } from './engine-setting.ts'
import { type BackplaneTest, type Subject, testsOf } from './world.ts'

/** What every engine must do. */
export function engineTests (subject: Subject<Engine<string>>): BackplaneTest[] {
  const all = [...announcements, ...history, ...positions, ...ids, ...members, ...processes, ...outages]
  return testsOf(all, subject, world => engineSetting(subject, world))
}
