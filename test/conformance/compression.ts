import type { Agreement } from '../../lib/deflate/negotiate.ts'
import { JSON_SAMPLE, SAMPLES, type Sample } from './samples.ts'

/** Many compressed messages on one connection, each of which must come back. */
export interface Exchange {
  id: string
  name: string
  rfc: string
  /** `Sec-WebSocket-Extensions` of the client. */
  offer: string
  /** What the endpoint's own settings and the offer come to. */
  agreed: Agreement
  sample: Sample
  size: number
  count: number
  /** Bytes of compressed data in a frame, at most. */
  fragment: number
}

const KIB = 1024

/** Sizes of the messages and, for the last eight, of the frames that they are cut into. */
const SHAPES: ReadonlyArray<readonly [size: number, fragment?: number]> = [
  [16], [64], [256], [KIB], [4 * KIB], [8 * KIB], [16 * KIB], [32 * KIB], [64 * KIB], [128 * KIB],
  [8 * KIB, 256], [16 * KIB, 256], [32 * KIB, 256], [64 * KIB, 256], [128 * KIB, 256],
  [128 * KIB, KIB], [128 * KIB, 8 * KIB], [128 * KIB, 128 * KIB]
]

const FEW_SHAPES = SHAPES.filter(([size]) => size <= KIB || size === 32 * KIB)

function countFor (size: number): number {
  return size <= 4 * KIB ? 100 : size <= 32 * KIB ? 50 : 20
}

type Common = Pick<Exchange, 'rfc' | 'offer' | 'agreed' | 'sample'>

function exchanges (group: string, name: string, common: Common, shapes = SHAPES): Exchange[] {
  return shapes.map(([size, fragment = Infinity], index) => {
    const count = countFor(size)
    const shape = `${count} messages of ${size} bytes${fragment === Infinity ? '' : ` in fragments of ${fragment}`}`
    return { ...common, id: `${group}.${index + 1}`, name: `${name}: ${shape}`, size, count, fragment }
  })
}

/** With the default options no message refers to those before it. */
const APART = { contextTakeover: false, windowBits: 15 }

/** Group 12: the offer without parameters, the default options, all kinds of data. */
export const COMPRESSION: Exchange[] = SAMPLES.flatMap((sample, index) => exchanges(`12.${index + 1}`, sample.name, {
  rfc: 'RFC 7692 §7.2', offer: 'permessage-deflate', agreed: { server: APART, client: APART }, sample
}))

const TOGETHER = { contextTakeover: true, windowBits: 15 }
const SMALL = { contextTakeover: true, windowBits: 9 }

/** The first seven are those of the public suite; the others ask for the same of the client. */
const OFFERS: ReadonlyArray<readonly [offer: string, server: Agreement['server'], client?: Agreement['client']]> = [
  ['permessage-deflate', TOGETHER],
  ['permessage-deflate; server_no_context_takeover', APART],
  ['permessage-deflate; server_max_window_bits=9', SMALL],
  ['permessage-deflate; server_max_window_bits=15', TOGETHER],
  ['permessage-deflate; server_no_context_takeover; server_max_window_bits=9', { ...SMALL, contextTakeover: false }],
  ['permessage-deflate; server_no_context_takeover; server_max_window_bits=15', APART],
  [
    'permessage-deflate; server_no_context_takeover; server_max_window_bits=9, ' +
    'permessage-deflate; server_no_context_takeover, permessage-deflate',
    { ...SMALL, contextTakeover: false }
  ],
  ['permessage-deflate; client_no_context_takeover', TOGETHER, APART],
  ['permessage-deflate; client_max_window_bits=9', TOGETHER, SMALL],
  ['permessage-deflate; client_max_window_bits; server_no_context_takeover', APART],
  ['permessage-deflate; unknown, permessage-deflate; server_max_window_bits=11', { ...TOGETHER, windowBits: 11 }]
]

/** Group 13: all kinds of offers, one kind of data, to an endpoint that lets messages refer to those before them. */
export const OFFERED: Exchange[] = OFFERS.flatMap(([offer, server, client = TOGETHER], index) => {
  const common = { rfc: 'RFC 7692 §7.1', offer, agreed: { server, client }, sample: JSON_SAMPLE }
  return exchanges(`13.${index + 1}`, offer, common, index < 7 ? SHAPES : FEW_SHAPES)
})
