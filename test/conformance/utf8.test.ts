import { t } from 'tap'
import { endpoints } from './endpoints.ts'
import { checkRows } from './run.ts'
import { UTF8 } from './utf8.ts'

for (const endpoint of await endpoints()) {
  t.teardown(() => endpoint.close())
  checkRows(endpoint, UTF8)
}
