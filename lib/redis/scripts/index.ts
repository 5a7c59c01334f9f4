import { beat, join, leave, reap, retire } from './members.ts'
import { ping } from './ping.ts'
import { publish } from './publish.ts'
import { last, read, renew, stand } from './topics.ts'

/** All of them: what a server is to know before anything is asked of it. */
export const ALL = [ping, publish, stand, renew, read, last, join, leave, reap, beat, retire]
