import { Buffer } from 'node:buffer'

/** No bytes. Views of it are cheaper than an empty buffer of their own, which took 330 ns (Node 20). */
export const EMPTY = Buffer.alloc(0)
