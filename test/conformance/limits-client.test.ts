import { t } from 'tap'
import { clientEndpoint } from './endpoints.ts'
import { limits, TOO_BIG } from './limits.ts'
import { checkRows } from './run.ts'

const endpoint = await clientEndpoint()
t.setTimeout(600_000)
t.teardown(() => endpoint.close())
checkRows(endpoint, [...limits(), ...TOO_BIG])
