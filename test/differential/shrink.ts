import { anatomy } from './anatomy.ts'

/** Leaves out frames, then bytes, as long as the shorter stream still does what is looked for. */
export function shrink (bytes: Buffer, isStill: (bytes: Buffer) => boolean): Buffer {
  for (let before = Infinity; bytes.length < before;) {
    before = bytes.length
    for (let i = anatomy(bytes).length - 1; i >= 0; i--) {
      const part = anatomy(bytes)[i]
      if (part !== undefined) bytes = without(bytes, part.start, part.end, isStill)
    }
    for (let size = bytes.length >> 1; size >= 1; size >>= 1) {
      for (let at = bytes.length - size; at >= 0; at -= size) bytes = without(bytes, at, at + size, isStill)
    }
  }
  return bytes
}

function without (bytes: Buffer, start: number, end: number, isStill: (bytes: Buffer) => boolean): Buffer {
  const shorter = Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
  return shorter.length < bytes.length && isStill(shorter) ? shorter : bytes
}
