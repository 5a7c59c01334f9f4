import { t } from 'tap'
import { COMPRESSION, OFFERED } from './compression.ts'
import { DEFLATE_RULES } from './deflate-rules.ts'
import { clientEndpoint } from './endpoints.ts'
import { checkExchanges } from './exchange.ts'
import { checkRows } from './run.ts'

const endpoint = await clientEndpoint()
t.setTimeout(600_000)
t.teardown(() => endpoint.close())
checkRows(endpoint, DEFLATE_RULES)
checkExchanges(endpoint, 'default', COMPRESSION)
checkExchanges(endpoint, 'takeover', OFFERED)
