import { t } from 'tap'
import { clientEndpoint, serverEndpoint } from './endpoints.ts'
import { checkRows } from './run.ts'
import { UTF8 } from './utf8.ts'

for (const endpoint of [await serverEndpoint(), await clientEndpoint()]) {
  t.teardown(() => endpoint.close())
  checkRows(endpoint, UTF8)
}
