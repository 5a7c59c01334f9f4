import { test } from 'tap'
import { runChecks } from './run.ts'
import { wsClient } from './ws-client.ts'

test('ws', t => runChecks(t, wsClient()))
