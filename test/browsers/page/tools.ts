/*
 * What the checks in the browser share. Browsers load these files as they were compiled: they import nothing but each other.
 */
import type { ClientOptions, ClientSocket, Ending } from '../../../lib/client/types.ts'
import type { Seen } from '../routes.ts'

/** The exports of the bundles. */
export interface Bundles {
  createClient (base: string, defaults?: object): { connect (url: unknown, options?: object): ClientSocket<any, any> }
  defineSocket (url: string, schema: object): object
}

export interface Check {
  name: string
  /** It does what all sockets of the page notice, and runs after the others. */
  isAlone?: true
  run (tools: Tools): Promise<void>
}

export interface Options extends ClientOptions<any> {
  params?: object
  query?: object | ((attempt: any) => object | PromiseLike<object>)
}

/** Short, so that a check takes no longer than it must. */
const QUICK = { min: 50, max: 200, spread: 100 }

/** Milliseconds that something may take which should come at once; two cores run two browsers. */
const PATIENCE = 12_000

export const pause = (milliseconds: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, milliseconds) })

/** What one check may use. */
export class Tools {
  readonly bundles: Bundles
  /** Names this check's connections to the servers. */
  readonly key: string
  /** Where sockets go to: the page's own server, another one of ours, one of raw bytes. */
  readonly same: string
  readonly other: string
  readonly raw: string
  /** What has become of the sockets, for a check that fails. */
  readonly story: string[] = []
  readonly #sockets: Array<ClientSocket<any, any>> = []
  readonly #began = performance.now()

  constructor (bundles: Bundles, key: string, host: string, ports: { other: number, raw: number }) {
    this.bundles = bundles
    this.key = key
    this.same = `ws://${host}`
    this.other = `ws://127.0.0.1:${ports.other}`
    this.raw = `ws://127.0.0.1:${ports.raw}`
  }

  /** A socket whose connections can be told apart from those of others. */
  socket (base: string, url: unknown, options: Options = {}): ClientSocket<any, any> {
    const { query = {} } = options
    const key = { key: this.key }
    const socket = this.bundles.createClient(base, { reconnect: QUICK }).connect(url, {
      ...options,
      query: typeof query === 'function' ? async (attempt: any) => ({ ...key, ...await query(attempt) }) : { ...key, ...query }
    })
    this.#sockets.push(socket)
    socket.on('state', (state, { attempt, delay, reason }) => {
      const why = reason === null ? '' : ` after ${reason.code} ${reason.status} ${reason.error ?? ''}`
      this.story.push(`${Math.round(performance.now() - this.#began)} ms: ${state}, attempt ${attempt}, delay ${Math.round(delay)}${why}`)
    })
    return socket
  }

  /** As another check, for several connections in one. */
  named (name: string): Tools {
    const tools = new Tools(this.bundles, `${this.key}-${name}`, '', { other: 0, raw: 0 })
    Object.assign(tools, { same: this.same, other: this.other, raw: this.raw, story: this.story })
    tools.#sockets.push = (...sockets) => this.#sockets.push(...sockets)
    return tools
  }

  control (what: string, args: object = {}): Promise<any> {
    return control(what, args)
  }

  async seen (): Promise<Seen & { handshakes: Array<Seen['requests'][number]>, probes: number }> {
    const seen: Seen = await control('seen', { key: this.key })
    const handshakes = seen.requests.filter(({ kind }) => kind === 'handshake')
    return { ...seen, handshakes, probes: seen.requests.length - handshakes.length }
  }

  /** Closes what a check has left open. */
  async end (): Promise<void> {
    for (const socket of this.#sockets) if (socket.state !== 'closed') void socket.close()
    await within(Promise.all(this.#sockets.map(socket => socket.closed)), 'the sockets to be closed')
  }
}

export async function control (what: string, args: object = {}): Promise<any> {
  const response = await fetch(`/control/${what}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(args)
  })
  if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`)
  return await response.json()
}

/** Rejects if a promise takes too long. */
export function within<T> (promise: Promise<T>, what: string, milliseconds = PATIENCE): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited ${milliseconds} ms for ${what}`)), milliseconds)
    promise.finally(() => clearTimeout(timer)).then(resolve, reject)
  })
}

/** Waits for what no event announces. */
export async function until (isTrue: () => boolean | Promise<boolean>, what: string, milliseconds = PATIENCE): Promise<void> {
  for (const end = performance.now() + milliseconds; !await isTrue();) {
    if (performance.now() > end) throw new Error(`waited ${milliseconds} ms for ${what}`)
    await pause(10)
  }
}

/** Values that JSON can show. */
export function equal (actual: unknown, expected: unknown, what: string): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (is !== should) throw new Error(`${what}: ${is}, not ${should}`)
}

export function ok (isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(what)
}

/** The code of what a function throws. */
export function codeOf (call: () => unknown): string {
  try {
    call()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'nothing was thrown'
}

/** The next message. */
export function next (socket: ClientSocket<any, any>): Promise<any> {
  return within(new Promise(resolve => {
    const listener = (message: any): void => {
      socket.off('message', listener)
      resolve(message)
    }
    socket.on('message', listener)
  }), 'a message')
}

/** Resolves with the change that brings a state. */
export function turned (socket: ClientSocket<any, any>, wanted: string): Promise<{ attempt: number, delay: number, reason: Ending | null }> {
  return within(new Promise(resolve => {
    socket.on('state', (state: string, change: any) => { if (state === wanted) resolve(change) })
  }), `the state ${wanted}`)
}
