import { engineContract } from './contract.ts'
import { inMemory } from './memory-driver.ts'
import { sharedMemory } from './shared-memory.ts'

// The contract asks nothing that several processes cannot do whose answers and announcements take their time.
engineContract(inMemory('shared memory', true, sharedMemory))
