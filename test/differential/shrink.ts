import { anatomy } from './anatomy.ts'

type Test = (bytes: Buffer) => Promise<boolean>

/**
 * Leaves out frames as long as the shorter stream still does what is looked for.
 *
 * @param inFrames then bytes as well
 */
export async function shrink (bytes: Buffer, inFrames: boolean, isStill: Test): Promise<Buffer> {
  for (let before = Infinity; bytes.length < before;) {
    before = bytes.length
    for (let i = anatomy(bytes).length - 1; i >= 0; i--) {
      const part = anatomy(bytes)[i]
      if (part !== undefined) bytes = await without(bytes, part.start, part.end, isStill)
    }
    for (let size = inFrames ? bytes.length >> 1 : 0; size >= 1; size >>= 1) {
      for (let at = bytes.length - size; at >= 0; at -= size) bytes = await without(bytes, at, at + size, isStill)
    }
  }
  return bytes
}

async function without (bytes: Buffer, start: number, end: number, isStill: Test): Promise<Buffer> {
  const shorter = Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
  return shorter.length < bytes.length && await isStill(shorter) ? shorter : bytes
}
