import { test } from 'tap'
import { engineTests } from '../../lib/backplane-tests/engine-tests.ts'
import { memory, shared } from './subjects.ts'

for (const { name, run } of engineTests(memory)) test(`memory: ${name}`, run)

// Nothing is asked that several processes cannot do whose answers and announcements take their time.
for (const { name, run } of engineTests(shared)) test(`shared memory: ${name}`, run)
