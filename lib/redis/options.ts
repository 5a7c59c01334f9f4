/** How the topics are kept in Redis. */
export interface RedisOptions {
  /**
   * What every key and channel begins with: apps that share a server, be it in different databases, need different ones, and all
   * processes of one app the same. From 1 to 64 characters, without braces. Default `ws`.
   */
  prefix?: string
  /**
   * Milliseconds that the server may take to answer, from 100 to 4,900. Whoever waits longer gets an error, the connections are made
   * anew, and the server refuses to carry the call out later: in its own time, a second before the deadline, or a quarter of it
   * if that is less. Default 4,000.
   */
  deadline?: number
  /**
   * Milliseconds after which a process that has not been heard of is taken for gone, and its members with it: at least 500, and the
   * more, the longer a process may be busy or cut off without that. Default 30,000.
   */
  lease?: number
  /**
   * Milliseconds that the members of a process which has closed stay, so that those whose clients connect to another process do not
   * leave and join again. Default 5,000.
   */
  grace?: number
}

export type CheckedOptions = Readonly<Required<RedisOptions>>

const DEFAULTS: CheckedOptions = { prefix: 'ws', deadline: 4000, lease: 30_000, grace: 5000 }

/** @throws {TypeError} */
export function checkOptions (options: unknown = {}): CheckedOptions {
  if (typeof options !== 'object' || options === null) throw new TypeError('redis: the options must be an object')
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(DEFAULTS, name)) throw new TypeError(`redis: there is no option '${name}'`)
  }
  const given: RedisOptions = options
  const { prefix = DEFAULTS.prefix } = given
  if (typeof prefix !== 'string' || !/^[^{}]{1,64}$/.test(prefix)) {
    throw new TypeError('redis: prefix must be a string of 1 to 64 characters without braces')
  }
  return {
    prefix,
    deadline: checkTime('deadline', given.deadline, 100, 4900),
    lease: checkTime('lease', given.lease, 500, 86_400_000),
    grace: checkTime('grace', given.grace, 0, 86_400_000)
  }
}

function checkTime (name: 'deadline' | 'lease' | 'grace', value: unknown = DEFAULTS[name], least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new TypeError(`redis: ${name} must be a whole number of milliseconds from ${least} to ${most}`)
  }
  return value
}
