import { Buffer } from 'node:buffer'

/** An empty buffer. A view of it is cheaper than a new empty buffer, which took 330 ns (Node 20). */
export const EMPTY = Buffer.alloc(0)
