import { type Extension, formatExtension, parseExtensions } from '../protocol/extensions.ts'

const NAME = 'permessage-deflate'

/** DEFLATE allows LZ77 windows of 2^8 to 2^15 bytes (RFC 7692 §7.1.2). */
const LARGEST_WINDOW = 15
const WINDOW_BITS = /^(?:[89]|1[0-5])$/

/** This end's choices: see `DeflateOptions`. */
export interface DeflateSettings {
  threshold: number
  level: number
  memLevel: number
  contextTakeover: boolean
  windowBits: number
}

/** The choices of a route that only says that it compresses. */
export const DEFLATE_DEFAULTS: DeflateSettings = {
  threshold: 1024,
  level: 1,
  memLevel: 8,
  contextTakeover: false,
  windowBits: 15
}

/** How one end compresses what it sends. */
export interface Direction {
  /** Messages may refer to those before them (RFC 7692 §7.1.1). */
  contextTakeover: boolean
  /** The window is 2 to this power (RFC 7692 §7.1.2). */
  windowBits: number
}

/** What both ends have agreed on. */
export interface Agreement {
  server: Direction
  client: Direction
}

export interface Answer {
  /** Null: no compression. */
  agreement: Agreement | null
  /** The response's header, or an empty string. */
  header: string
}

const NONE: Answer = { agreement: null, header: '' }

/** The parameters of an element of the header; null: absent. */
interface Parameters {
  serverNoContextTakeover: boolean
  clientNoContextTakeover: boolean
  serverWindowBits: number | null
  clientWindowBits: number | null
  /** `client_max_window_bits` is there, with or without a value: the client accepts a smaller window. */
  clientTakesBits: boolean
}

/**
 * The server's part (RFC 7692 §7.1): accepts the first offer without unknown, repeated or invalid parameters.
 *
 * @param settings null: no offer is accepted
 */
export function acceptOffer (header: string | undefined, settings: DeflateSettings | null): Answer {
  if (settings === null) return NONE
  for (const offer of deflateElements(header)) {
    const offered = readParameters(offer)
    if (offered !== null) return accept(offered, settings)
  }
  return NONE
}

function accept (offered: Parameters, { contextTakeover, windowBits }: DeflateSettings): Answer {
  const server = {
    contextTakeover: contextTakeover && !offered.serverNoContextTakeover,
    windowBits: Math.min(windowBits, offered.serverWindowBits ?? LARGEST_WINDOW)
  }
  const client = {
    contextTakeover: contextTakeover && !offered.clientNoContextTakeover,
    // §7.1.2.2: only a client that has offered the parameter can be given a window.
    windowBits: offered.clientTakesBits ? Math.min(windowBits, offered.clientWindowBits ?? LARGEST_WINDOW) : LARGEST_WINDOW
  }
  const parameters: Extension['parameters'] = []
  if (!server.contextTakeover) parameters.push(['server_no_context_takeover', null])
  if (!client.contextTakeover) parameters.push(['client_no_context_takeover', null])
  if (server.windowBits < LARGEST_WINDOW || offered.serverWindowBits !== null) {
    parameters.push(['server_max_window_bits', String(server.windowBits)])
  }
  if (client.windowBits < LARGEST_WINDOW || offered.clientWindowBits !== null) {
    parameters.push(['client_max_window_bits', String(client.windowBits)])
  }
  return { agreement: { server, client }, header: formatExtension({ name: NAME, parameters }) }
}

/** The client's offer: the request's header. The server may always choose a smaller window for what the client sends. */
export function formatOffer ({ contextTakeover, windowBits }: DeflateSettings): string {
  const isLargest = windowBits === LARGEST_WINDOW
  const parameters: Extension['parameters'] = []
  if (!contextTakeover) parameters.push(['server_no_context_takeover', null], ['client_no_context_takeover', null])
  if (!isLargest) parameters.push(['server_max_window_bits', String(windowBits)])
  parameters.push(['client_max_window_bits', isLargest ? null : String(windowBits)])
  return formatExtension({ name: NAME, parameters })
}

/**
 * The client's part: reads the response to its offers.
 *
 * @returns null for no compression
 * @throws {Error} the response answers none of the offers, so the client must fail the connection (RFC 6455 §4.1)
 */
export function readAnswer (header: string | undefined, offers: string | undefined): Agreement | null {
  if (header === undefined) return null
  const elements = parseExtensions(header)
  const answer = elements?.length === 1 && elements[0]!.name === NAME ? readParameters(elements[0]!) : null
  const offer = deflateElements(offers).map(readParameters).find(offer => answer !== null && answers(answer, offer))
  if (answer === null || !offer) throw new Error(`the server accepted an extension that was not offered: ${header}`)
  return {
    server: { contextTakeover: !answer.serverNoContextTakeover, windowBits: answer.serverWindowBits ?? LARGEST_WINDOW },
    client: {
      // §7.1.1.2, §7.1.2.2: what the client has offered holds even without an answer.
      contextTakeover: !answer.clientNoContextTakeover && !offer.clientNoContextTakeover,
      windowBits: Math.min(answer.clientWindowBits ?? LARGEST_WINDOW, offer.clientWindowBits ?? LARGEST_WINDOW)
    }
  }
}

/** Whether an answer repeats what it must, and adds nothing that only an offer allows (RFC 7692 §7.1.1, §7.1.2). */
function answers (answer: Parameters, offer: Parameters | null): boolean {
  return offer !== null &&
    (answer.serverNoContextTakeover || !offer.serverNoContextTakeover) &&
    (offer.serverWindowBits === null || (answer.serverWindowBits !== null && answer.serverWindowBits <= offer.serverWindowBits)) &&
    (!answer.clientTakesBits || (offer.clientTakesBits && answer.clientWindowBits !== null))
}

function deflateElements (header: string | undefined): Extension[] {
  return (parseExtensions(header ?? '') ?? []).filter(({ name }) => name === NAME)
}

/** Null if a parameter is unknown, repeated or has an invalid value (RFC 7692 §7.1). */
function readParameters ({ parameters }: Extension): Parameters | null {
  const read: Parameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverWindowBits: null,
    clientWindowBits: null,
    clientTakesBits: false
  }
  if (new Set(parameters.map(([name]) => name)).size < parameters.length) return null
  for (const [name, value] of parameters) {
    const isBits = value !== null && WINDOW_BITS.test(value)
    if (name === 'server_no_context_takeover' && value === null) {
      read.serverNoContextTakeover = true
    } else if (name === 'client_no_context_takeover' && value === null) {
      read.clientNoContextTakeover = true
    } else if (name === 'server_max_window_bits' && isBits) {
      read.serverWindowBits = Number(value)
    } else if (name === 'client_max_window_bits' && (isBits || value === null)) {
      read.clientTakesBits = true
      read.clientWindowBits = value === null ? null : Number(value)
    } else {
      return null
    }
  }
  return read
}
