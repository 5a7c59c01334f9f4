import { t } from 'tap'
import { CLOSING } from './closing.ts'
import { endpoints } from './endpoints.ts'
import { FRAGMENTATION } from './fragmentation.ts'
import { AUTO_FRAGMENTED, FRAMING, OPCODES, RESERVED_BITS } from './framing.ts'
import { PINGS } from './pings.ts'
import { checkRows } from './run.ts'

for (const endpoint of await endpoints()) {
  t.teardown(() => endpoint.close())
  for (const rows of [FRAMING, PINGS, RESERVED_BITS, OPCODES, FRAGMENTATION, CLOSING, AUTO_FRAGMENTED]) {
    checkRows(endpoint, rows)
  }
}
