import { BINARY, TEXT } from '../support/opcodes.ts'
import {
  type Answer, binaryBack, failed, first, fragments, last, parts, type Row, sampleBytes, sampleText, sent, type Step, textBack, wait
} from './row.ts'

const KIB = 1024
const MIB = 1024 * KIB
const KINDS = [
  { kind: 'text', opcode: TEXT, sample: once(size => Buffer.from(sampleText(size))), back: textBack },
  { kind: 'binary', opcode: BINARY, sample: once(sampleBytes), back: binaryBack }
] as const

const ONE_FRAME = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB]
const FRAGMENTS = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB]
const PIECES = [64, 128, 256, 512, KIB, 2 * KIB]
const ROUND_TRIPS = [0, 16, 64, 256, KIB, 64 * KIB]

/** Makes what is asked for again only once: the payloads are large. */
function once (make: (size: number) => Buffer): (size: number) => Buffer {
  const made = new Map<number, Buffer>()
  return size => {
    if (!made.has(size)) made.set(size, make(size))
    return made.get(size)!
  }
}

/** Group 9: large messages, and many. */
export function * limits (): Generator<Row> {
  yield * each(1, size => `a message of ${size} bytes in one frame`, ONE_FRAME, (opcode, sample, size) => ({
    peer: [sent(opcode, sample(size))], echoed: [sample(size)]
  }))
  yield * each(3, size => `a message of 4 MiB in fragments of ${size} bytes`, FRAGMENTS, (opcode, sample, size) => ({
    peer: fragments(opcode, parts(sample(4 * MIB), size)), echoed: [sample(4 * MIB)]
  }))
  yield * each(5, size => `a message of 4 MiB that TCP cuts into ${size} bytes`, PIECES, (opcode, sample, size) => ({
    peer: [sent(opcode, sample(4 * MIB))], echoed: [sample(4 * MIB)], cut: size
  }))
  yield * each(7, size => `a thousand round trips of ${size} bytes`, ROUND_TRIPS, (opcode, sample, size) => {
    const message = sent(opcode, sample(size))
    return {
      peer: Array.from({ length: 1000 }, (_, index): Step[] => [message, wait(index + 1)]).flat(),
      echoed: Array(1000).fill(sample(size)),
      // Cutting them in yet other ways takes long and shows nothing new.
      cut: 'frames'
    }
  })
}

interface Case {
  peer: Step[]
  echoed: Buffer[]
  cut?: Row['cut']
}
type Make = (opcode: number, sample: (size: number) => Buffer, size: number) => Case

/** A row of text and one of binary for each size, in two groups that follow each other. */
function * each (group: number, name: (size: number) => string, sizes: number[], make: Make): Generator<Row> {
  for (const [index, { kind, opcode, sample, back }] of KINDS.entries()) {
    for (const [number, size] of sizes.entries()) {
      const { echoed, ...rest } = make(opcode, sample, size)
      yield {
        ...rest,
        id: `9.${group + index}.${number + 1}`,
        name: `${kind}: ${name(size)}`,
        rfc: 'RFC 6455 §5.2, §5.4',
        answers: echoed.map((message): Answer => back(message))
      }
    }
  }
}

const FULL = sampleBytes(1000)

/** Ours: what is larger than `maxPayload`, which is 1000 bytes here. */
export const TOO_BIG: Row[] = [
  { id: '9.9.1', name: 'a message of 1000 bytes', peer: [sent(BINARY, FULL)], answers: [binaryBack(FULL)] },
  { id: '9.9.2', name: 'a message of 1001 bytes', peer: [sent(BINARY, sampleBytes(1001))], answers: [failed(1009)] },
  {
    id: '9.9.3', name: 'fragments of 1000 bytes',
    peer: fragments(BINARY, parts(FULL, 7)), answers: [binaryBack(FULL)]
  },
  {
    id: '9.9.4', name: 'fragments of 1001 bytes', peer: [first(BINARY, sampleBytes(600)), last(sampleBytes(401))],
    answers: [failed(1009)]
  },
  {
    id: '9.9.5', name: 'the header of a message of 1001 bytes, and none of them',
    peer: [{ ...sent(BINARY, sampleBytes(1001)), to: 0 }],
    answers: [failed(1009)]
  },
  {
    id: '9.9.6', name: 'the header of a message of 2^63 - 1 bytes',
    peer: [sent(TEXT, '', { announced: 2n ** 63n - 1n })],
    answers: [failed(1009)]
  },
  {
    id: '9.9.7', name: 'the header of a message of 2^63 bytes', peer: [sent(TEXT, '', { announced: 2n ** 63n })],
    answers: [failed(1002)]
  }
].map((row): Row => ({ ...row, rfc: 'RFC 6455 §7.4.1, §10.4', limited: true }))
