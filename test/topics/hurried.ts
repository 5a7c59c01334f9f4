import { createRequire } from 'node:module'
import { performance } from 'node:perf_hooks'

/*
 * Imported before anything else: each look at the package's own clock then finds all of the turn's time used up, so that what
 * is done in slices is done in the smallest ones.
 */
const { now } = performance
let looks = 0
performance.now = () => now.call(performance) + looks++ * 1000
createRequire(import.meta.url)('fastify-sockets')
performance.now = now
