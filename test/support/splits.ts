/** The ways in which a transport can cut the same bytes: whole, byte by byte, and at random places. */
export function * splits (bytes: Buffer, random = 5): Generator<{ name: string, chunks: Buffer[] }> {
  // A decoder may change the chunks it is given, so each way gets bytes of its own.
  yield { name: 'whole', chunks: [Buffer.from(bytes)] }
  yield { name: 'byte by byte', chunks: Array.from(bytes, byte => Buffer.from([byte])) }
  for (let seed = 1; seed <= random; seed++) {
    const next = generator(seed)
    const chunks = []
    for (let at = 0; at < bytes.length;) {
      const size = 1 + Math.floor(next() * Math.max(1, bytes.length / 3))
      chunks.push(Buffer.from(bytes.subarray(at, at + size)))
      at += size
    }
    yield { name: `random split, seed ${seed}`, chunks }
  }
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function generator (seed: number): () => number {
  return () => {
    seed = seed + 0x6d2b79f5 | 0
    let mixed = Math.imul(seed ^ seed >>> 15, 1 | seed)
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
    return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296
  }
}

/** Bytes that cannot be compressed, the same for the same seed. */
export function noise (length: number, seed = 1): Buffer {
  const next = generator(seed)
  return Buffer.from(Array.from({ length }, () => Math.floor(next() * 256)))
}
