import { backplaneTests } from 'fastify-sockets/backplane-tests'
import { test } from 'tap'
import { fakeOptions } from './subjects.ts'

for (const { name, run } of backplaneTests(fakeOptions())) test(`fake: ${name}`, run)
